//! From the tree of a price file to a table. Notes every mistake and goes on.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;

use super::product::is_old;
use super::{ArchivePrices, Money, PriceTable, PriceUnit, Product, Tier, keys};
use crate::config::quoted;
use crate::config::reader::{Fields, Reader};
use crate::config::tree::{Node, Value};
use crate::policy::ByteSize;
use crate::policy::read::{optional, size};

/// The most that anybody may ask for a GB a month: what is more lacks its point.
const MOST_PER_GB: u64 = 1_000_000;

pub(super) fn table(reader: &mut Reader<'_, '_>, node: &Node, today: Date) -> Option<PriceTable> {
    let fields = reader.fields(node, &keys::PRICES)?;
    let as_of = fields.get("as-of").and_then(|node| day(reader, node, today));
    let currency = fields.get("currency").and_then(|node| currency(reader, node));
    // Without a day of the file, the products can still be checked.
    let clock = Clock {
        as_of: as_of.unwrap_or(today),
        today,
    };
    let products = fields.get("products").and_then(|node| products(reader, node, clock));
    Some(PriceTable {
        as_of: as_of?,
        currency: currency?,
        products: products?,
    })
}

/// The day of the file, and the one on which it is read.
#[derive(Clone, Copy)]
struct Clock {
    as_of: Date,
    today: Date,
}

fn day(reader: &mut Reader<'_, '_>, node: &Node, today: Date) -> Option<Date> {
    let day = reader.scalar(node, "bad-date", |text| {
        let hint = "write year, month and day: `2026-11-01`".to_owned();
        // Other spellings of ISO 8601 are read otherwise by people than by programs.
        let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let day = if plain { text.parse::<Date>().ok() } else { None };
        day.ok_or(("not a day", hint))
    })?;
    if day > today {
        let hint = format!("today is {today}: write the day on which the prices were read");
        reader.error_with("future-date", &node.span, "prices of a day that is yet to come", hint);
        return None;
    }
    if is_old(day, today) {
        let hint = "look them up again, and change the day";
        reader.warn("old-prices", &node.span, "these prices are more than a year old", hint);
    }
    Some(day)
}

fn currency(reader: &mut Reader<'_, '_>, node: &Node) -> Option<String> {
    let text = reader.text(node)?;
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_code {
        let hint = match text {
            "$" => "write `USD`, or whichever dollar it is".to_owned(),
            "€" => "write `EUR`".to_owned(),
            _ if text.len() == 3 && text.is_ascii() => format!("write `{}`", text.to_ascii_uppercase().escape_debug()),
            _ => "write its three letters: `USD`, `EUR`".to_owned(),
        };
        let message = format!("{} is not a currency of ISO 4217", quoted(text));
        reader.error_with("bad-currency", &node.span, message, hint);
    }
    is_code.then(|| text.to_owned())
}

fn products(reader: &mut Reader<'_, '_>, node: &Node, clock: Clock) -> Option<Vec<Product>> {
    let items = reader.items(node)?;
    let places = items.iter().enumerate();
    let read: Vec<(usize, Product)> = places
        .filter_map(|(place, item)| Some((place, product(reader, item, clock)?)))
        .collect();
    check_names(reader, node);
    check_hosts(reader, node);
    check_reach(reader, node, &read);
    (read.len() == items.len()).then(|| read.into_iter().map(|(_, product)| product).collect())
}

fn product(reader: &mut Reader<'_, '_>, node: &Node, clock: Clock) -> Option<Product> {
    let fields = reader.fields(node, &keys::PRODUCT)?;
    let name = fields.get("name").and_then(|node| reader.name(node).map(str::to_owned));
    let mut text = |key| optional(fields.get(key), |node| reader.text(node).map(str::to_owned));
    let (title, source, note) = (text("title"), text("source"), text("note"));
    let hosts = optional(fields.get("hosts"), |node| reader.hosts(Some(node)));
    let as_of = optional(fields.get("as-of"), |node| day(reader, node, clock.today));
    let unit = optional(fields.get("unit"), |node| unit(reader, node));
    let base = optional(fields.get("base"), |node| money(reader, node));
    let free = optional(fields.get("free"), |node| size(reader, node));
    let storage = optional(fields.get("storage"), |node| tiers(reader, node));
    let archive = optional(fields.get("archive"), |node| archive(reader, node));
    check_charges(reader, &fields);
    let name = name?;
    Some(Product {
        title: title?.unwrap_or_else(|| name.clone()),
        name,
        hosts: hosts?,
        source: source?,
        as_of: as_of?.or(Some(clock.as_of)),
        note: note?,
        unit: unit?.unwrap_or_default(),
        base: base?.unwrap_or_default(),
        free: free?.unwrap_or(ByteSize(0)),
        storage: storage?.unwrap_or_default(),
        archive: archive?,
    })
}

fn unit(reader: &mut Reader<'_, '_>, node: &Node) -> Option<PriceUnit> {
    let word = reader.choice(node, keys::UNITS)?;
    [PriceUnit::GB, PriceUnit::GiB]
        .into_iter()
        .find(|unit| unit.as_str() == word)
}

/// A product that says nothing of money has no price, and an allowance needs something to be free of.
fn check_charges(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) {
    let given = |key| fields.get(key).is_some();
    if given("free") && !given("storage") {
        reader.error_with(
            "free-of-nothing",
            &fields.key_span("free"),
            "`free` says what is free of a price, and there is none",
            "add `storage`, or leave `free` out: then the fee covers all that is stored",
        );
    }
    if !given("base") && !given("storage") {
        reader.error_with(
            "no-price",
            &fields.span,
            "a product without a price",
            "add `storage`, with the price 0 if it is free, or `base`; what nobody knows the price of is left out",
        );
    }
}

fn archive(reader: &mut Reader<'_, '_>, node: &Node) -> Option<ArchivePrices> {
    let fields = reader.fields(node, &keys::ARCHIVE)?;
    let storage = fields.get("storage").and_then(|node| tiers(reader, node));
    let minimum_days = fields.get("minimum-days").and_then(|node| days(reader, node));
    let retrieval_per_gb = optional(fields.get("retrieval-per-gb"), |node| per_gb(reader, node));
    Some(ArchivePrices {
        storage: storage?,
        minimum_days: minimum_days?,
        retrieval_per_gb: retrieval_per_gb?,
    })
}

fn days(reader: &mut Reader<'_, '_>, node: &Node) -> Option<u32> {
    let days = reader.count(node, 0)?;
    let days = u32::try_from(days).ok().filter(|days| *days <= 36_500);
    if days.is_none() {
        reader.error(
            "bad-count",
            &node.span,
            "expected at most 36500 days, which are a hundred years",
        );
    }
    days
}

/// An amount that is not negative.
fn money(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Money> {
    let negative = node.scalar().is_some_and(|(_, text)| text.starts_with('-'));
    let code = if negative { "negative-price" } else { "bad-price" };
    reader.scalar(node, code, |text| {
        text.parse::<Money>()
            .map_err(|error| (error.clone(), error.hint().to_owned()))
    })
}

fn per_gb(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Money> {
    let price = money(reader, node)?;
    let most = Money::new(MOST_PER_GB.into());
    if price > most {
        let message = format!("{price} for a GB: nobody asks that");
        let hint = format!("the most that is read is {most}; is its point missing?");
        reader.error_with("bad-price", &node.span, message, hint);
    }
    (price <= most).then_some(price)
}

/// Where a tier stands in the file, and what it says of its ends.
struct Ends {
    span: Range<usize>,
    from: Option<(ByteSize, Range<usize>)>,
    up_to: Option<(ByteSize, Range<usize>)>,
}

fn tiers(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<Tier>> {
    let items = reader.items(node)?;
    let read: Vec<Option<(Tier, Ends)>> = items.iter().map(|item| tier(reader, item)).collect();
    // One that cannot be read may be the end that is missing: its neighbours are looked at once it is mended.
    let read: Vec<(Tier, Ends)> = read.into_iter().collect::<Option<_>>()?;
    let mut end = Some(ByteSize(0));
    for (tier, ends) in &read {
        check_ends(reader, ends, end);
        end = tier.up_to;
    }
    let (_, last) = read.last()?;
    if let Some((_, span)) = &last.up_to {
        let hint = "leave `up-to` out of the last tier, or add one without it";
        reader.error_with(
            "no-last-tier",
            span,
            "nothing says what storage beyond this costs",
            hint,
        );
    }
    Some(read.into_iter().map(|(tier, _)| tier).collect())
}

fn tier(reader: &mut Reader<'_, '_>, node: &Node) -> Option<(Tier, Ends)> {
    let fields = reader.fields(node, &keys::TIER)?;
    let mut end = |key| {
        optional(fields.get(key), |node| {
            size(reader, node).map(|size| (size, node.span.clone()))
        })
    };
    let (from, up_to) = (end("from"), end("up-to"));
    let per_gb_month = fields.get("per-gb-month").and_then(|node| per_gb(reader, node));
    let ends = Ends {
        span: fields.span.clone(),
        from: from?,
        up_to: up_to?,
    };
    let tier = Tier {
        up_to: ends.up_to.as_ref().map(|(size, _)| *size),
        per_gb_month: per_gb_month?,
    };
    Some((tier, ends))
}

/// Whether a tier begins where the one before ends, at `before`, and ends behind it.
fn check_ends(reader: &mut Reader<'_, '_>, ends: &Ends, before: Option<ByteSize>) {
    let Some(before) = before else {
        let hint = "give the tier before an end with `up-to`; only the last has none";
        return reader.error_with(
            "two-last-tiers",
            &ends.span,
            "the tier before this one has no end",
            hint,
        );
    };
    if let Some((from, span)) = &ends.from
        && *from != before
    {
        let (code, problem) = match *from > before {
            true => ("tier-gap", "nothing says what storage between the tiers costs"),
            false => ("tier-overlap", "two tiers say what the same storage costs"),
        };
        let hint = format!("the tier before ends at {before}: begin there, or leave `from` out");
        reader.error_with(code, span, problem, hint);
    }
    if let Some((up_to, span)) = &ends.up_to
        && *up_to <= before
    {
        let message = format!("a tier that ends at {up_to}, not behind {before}, where it begins");
        reader.error_with(
            "tier-order",
            span,
            message,
            "the tiers stand in order, and their ends are counted from the first byte stored",
        );
    }
}

/// The values behind a key of each product, with the place of the product; what is wrong with them is noted elsewhere.
fn of_each<'n>(products: &'n Node, key: &str) -> Vec<(usize, &'n Node)> {
    let Value::List(items) = &products.value else {
        return Vec::new();
    };
    let child = |node: &'n Node| match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &*entry.value),
        _ => None,
    };
    let values = items.iter().enumerate();
    values.filter_map(|(index, item)| Some((index, child(item)?))).collect()
}

fn check_names(reader: &mut Reader<'_, '_>, products: &Node) {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, node) in of_each(products, "name") {
        let Some((_, name)) = node.scalar() else { continue };
        let line = reader.line(&node.span);
        match seen.get(name) {
            Some(first) => {
                let message = format!("another product has the name {}, on line {first}", quoted(name));
                reader.error("duplicate-name", &node.span, message);
            }
            None => _ = seen.insert(name, line),
        }
    }
}

/// A glob stands once in a file.
fn check_hosts(reader: &mut Reader<'_, '_>, products: &Node) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for (_, hosts) in of_each(products, "hosts") {
        for (host, node) in host_items(hosts) {
            let line = reader.line(&node.span);
            if let Some(first) = seen.insert(host.to_ascii_lowercase(), line) {
                let message = format!("the host {} stands already on line {first}", quoted(host));
                reader.error_with("duplicate-host", &node.span, message, "leave it in one place");
            }
        }
    }
}

/// A host that an earlier product fits is never priced by a later one.
fn check_reach(reader: &mut Reader<'_, '_>, products: &Node, read: &[(usize, Product)]) {
    for (place, hosts) in of_each(products, "hosts") {
        // Only of products that were read: there is a bound on how many globs these hold.
        let Ok(position) = read.binary_search_by_key(&place, |(place, _)| *place) else {
            continue;
        };
        for (host, node) in host_items(hosts).filter(|(host, _)| is_plain(host)) {
            // The same text twice is a mistake of its own.
            let same = |glob: &String| glob.eq_ignore_ascii_case(host);
            let fits = |(_, product): &&(usize, Product)| {
                let globs = product.hosts.as_ref();
                globs.is_some_and(|globs| globs.fits(host) && !globs.patterns().iter().any(same))
            };
            let Some((_, earlier)) = read.iter().take(position).find(fits) else {
                continue;
            };
            let message = format!(
                "{} is never priced by this product: {} before it fits it",
                quoted(host),
                quoted(&earlier.name)
            );
            reader.warn(
                "unreachable-host",
                &node.span,
                message,
                "put this product before that one",
            );
        }
    }
}

/// The globs of a product that do not exclude.
fn host_items(hosts: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let items = match &hosts.value {
        Value::List(items) => items.as_slice(),
        _ => &[],
    };
    let texts = items.iter().filter_map(|item| Some((item.scalar()?.1, &**item)));
    texts.filter(|(text, _)| !text.starts_with('!'))
}

/// Whether a glob fits nothing but itself.
fn is_plain(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', '{', '\\'])
}
