//! One page of a list: hands on its objects one by one, as they stand there, and says what leads to the next.
//!
//! Nothing is copied and nothing kept, whatever the page holds.

use std::fmt;

use jettison_core::model::InvalidJson;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::api::Failure;

/// Hands on the objects of a page; what leads to the next one, if there is one.
pub(super) fn read(body: &[u8], read: &mut dyn FnMut(&RawValue)) -> Result<Option<String>, Failure> {
    let mut reading = serde_json::Deserializer::from_slice(body);
    let page = Page { read }.deserialize(&mut reading);
    let next = page.and_then(|next| reading.end().map(|()| next));
    next.map_err(|error| Failure::Garbled(InvalidJson::from(error).to_string()))
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Metadata,
    Items,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
    /// How many objects follow, as far as the server knows.
    remaining_item_count: Option<i64>,
}

impl ListMetadata {
    /// What leads to the next page.
    fn next<E: serde::de::Error>(self) -> Result<Option<String>, E> {
        let next = self.next.filter(|token| !token.is_empty());
        match (&next, self.remaining_item_count) {
            (None, Some(count)) if count > 0 => Err(E::custom("objects remain, and nothing leads to them")),
            _ => Ok(next),
        }
    }
}

/// Reads a list.
struct Page<'f> {
    read: &'f mut dyn FnMut(&RawValue),
}

/// Reads the objects of a list.
struct Items<'f> {
    read: &'f mut dyn FnMut(&RawValue),
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut metadata, mut has_items) = (None, false);
        while let Some(field) = map.next_key()? {
            match field {
                // The second would hide what the first leads to.
                Field::Metadata if metadata.is_some() => return Err(A::Error::duplicate_field("metadata")),
                Field::Metadata => metadata = Some(map.next_value::<ListMetadata>()?),
                Field::Items => {
                    map.next_value_seed(Items { read: &mut *self.read })?;
                    has_items = true;
                }
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        // Whatever this is, it does not say that there are none.
        match has_items {
            true => metadata.map_or(Ok(None), ListMetadata::next),
            false => Err(A::Error::missing_field("items")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&RawValue>()? {
            (self.read)(item);
        }
        Ok(())
    }

    /// Some servers write an empty list like this.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(body: &str) -> Result<(Vec<String>, Option<String>), Failure> {
        let mut items = Vec::new();
        let next = read(body.as_bytes(), &mut |item| items.push(item.get().to_owned()))?;
        Ok((items, next))
    }

    #[test]
    fn a_page_is_its_objects_and_what_leads_on() {
        let two =
            r#"{"kind":"PodList","metadata":{"resourceVersion":"1","continue":"abc"},"items":[{"a":1},{"b":[]}]}"#;
        let expected = (
            vec![r#"{"a":1}"#.to_owned(), r#"{"b":[]}"#.to_owned()],
            Some("abc".to_owned()),
        );
        assert_eq!(pieces(two).unwrap(), expected);
        for last in [
            r#"{"items":null,"metadata":{}}"#,
            r#"{"items":[],"metadata":{"continue":""}}"#,
            r#"{"items":[],"metadata":{"continue":null,"remainingItemCount":0}}"#,
            r#"{"items":[]}"#,
        ] {
            assert_eq!(pieces(last).unwrap(), (Vec::new(), None), "{last}");
        }
    }

    #[test]
    fn what_is_no_whole_list_never_counts_as_an_empty_one() {
        for body in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"kind":"Status","metadata":{}}"#,
            r#"{"items":{}}"#,
            r#"{"items":[{"a":1},{"#,
            r#"{"items":[]} and more"#,
            r#"{"items":[{"a":1}]"#,
            r#"{"items":[],"metadata":{"remainingItemCount":1}}"#,
            r#"{"items":[],"metadata":{"continue":"","remainingItemCount":1}}"#,
            r#"{"metadata":{"continue":"abc"},"items":[],"metadata":{}}"#,
            r#"{"items":[],"metadata":{"continue":5}}"#,
            r#"{"items":[],"metadata":null}"#,
        ] {
            assert!(pieces(body).is_err(), "{body}");
        }
    }

    #[test]
    fn an_object_may_be_nested_as_deep_as_it_likes() {
        let deep = format!(r#"{{"items":[{}1{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(pieces(&deep).unwrap().0.len(), 1);
    }
}
