//! Reads what it needs out of a page: just enough for pages that a browser wrote out, whose text is escaped.

use std::collections::BTreeSet;

/// A page, as it stands in its file or as a browser has it.
pub(crate) struct Document(pub(crate) String);

impl Document {
    /// What stands between the first `start` and the next `end`.
    pub(crate) fn between(&self, start: &str, end: &str) -> &str {
        let (_, rest) = self
            .0
            .split_once(start)
            .unwrap_or_else(|| panic!("no {start} in the page"));
        rest.split_once(end)
            .unwrap_or_else(|| panic!("no {end} after {start}"))
            .0
    }

    /// The cells of the rows of one of the large tables, as text.
    pub(crate) fn rows(&self, table: &str) -> Vec<Vec<String>> {
        let section = self.between(&format!("id=\"table-{table}\""), "</table>");
        let body = section.split_once("<tbody>").unwrap().1;
        let rows = body.split("<tr>").skip(1);
        rows.map(|row| row.split("</t").map(text_of).filter(|cell| !cell.is_empty()).collect())
            .collect()
    }

    /// The text of an element with this id.
    pub(crate) fn told(&self, id: &str) -> String {
        text_of(self.between(&format!("id=\"{id}\""), "</p>").split_once('>').unwrap().1)
    }

    /// The attributes of `<html>`.
    pub(crate) fn root(&self) -> &str {
        self.between("<html", ">")
    }

    /// The page without what stands in scripts and in the style, where markup is none.
    fn markup(&self) -> String {
        let mut rest = self.0.as_str();
        let mut markup = String::new();
        while let Some((at, name)) = ["script", "style"]
            .iter()
            .filter_map(|name| rest.find(&format!("<{name}")).map(|at| (at, name)))
            .min()
        {
            let end = rest[at..].find('>').unwrap() + at + 1;
            markup.push_str(&rest[..end]);
            rest = &rest[end..];
            rest = &rest[rest.find(&format!("</{name}>")).unwrap()..];
        }
        markup + rest
    }

    /// Every element that there is, by name.
    pub(crate) fn elements(&self) -> BTreeSet<String> {
        let markup = self.markup();
        let names = markup
            .split('<')
            .skip(1)
            .filter(|tag| tag.starts_with(|c: char| c.is_ascii_alphabetic()));
        names
            .map(|tag| {
                tag.split(|c: char| !c.is_ascii_alphanumeric())
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    /// The names of all attributes.
    pub(crate) fn attributes(&self) -> BTreeSet<String> {
        let markup = self.markup();
        let tags = markup
            .split('<')
            .skip(1)
            .filter_map(|tag| tag.split_once('>'))
            .map(|(tag, _)| tag);
        tags.flat_map(|tag| {
            tag.split('"')
                .step_by(2)
                .filter_map(|part| part.strip_suffix('='))
                .map(name_of)
        })
        .collect()
    }

    /// How often something stands in the markup.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.markup().matches(what).count()
    }
}

fn name_of(part: &str) -> String {
    part.rsplit(char::is_whitespace).next().unwrap_or_default().to_owned()
}

/// Without tags, also those cut at either end.
fn text_of(markup: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for character in markup.chars() {
        match character {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            '>' => text.clear(),
            _ if !is_tag => text.push(character),
            _ => {}
        }
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(text, |text, (entity, meant)| text.replace(entity, meant))
        .trim()
        .to_owned()
}
