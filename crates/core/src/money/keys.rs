//! Every key that a price file may hold, in the table that its reader and its JSON Schema go by.

use crate::config::keys::{Form, Object, TEXTS, key, required};

const TIERS: Form = Form::List {
    of: &Form::Object(&TIER),
    least: 1,
};
/// What sizes may be priced in: [`super::PriceUnit`].
pub(super) const UNITS: &[&str] = &["GB", "GiB"];

pub(crate) static PRICES: Object = Object {
    name: "price file",
    keys: &[
        required(
            "as-of",
            Form::Date,
            "The day on which the prices were read: `2026-11-01`.",
        ),
        required("currency", Form::Text, "The three capital letters of ISO 4217: `USD`."),
        required(
            "products",
            Form::List {
                of: &Form::Object(&PRODUCT),
                least: 1,
            },
            "What is charged for what. The first product whose hosts fit a registry prices it.",
        ),
    ],
};

pub(crate) static PRODUCT: Object = Object {
    name: "product",
    keys: &[
        required(
            "name",
            Form::Text,
            "Its name, unique in the file: `ecr`. It replaces the built-in product of that name.",
        ),
        key("title", Form::Text, "What people call it. Default: its name."),
        key(
            "hosts",
            TEXTS,
            "Globs on the hosts of its registries; `!` excludes. Default: none, so it has to be asked for by name.",
        ),
        key("source", Form::Text, "Where the prices can be looked up."),
        key(
            "as-of",
            Form::Date,
            "The day on which these prices were read. Default: that of the file.",
        ),
        key("note", Form::Text, "What to know before relying on them."),
        key(
            "unit",
            Form::Choice(UNITS),
            "What prices a GB mean: `GB` is 10^9 bytes, `GiB` 2^30. Default: GB.",
        ),
        key("base", Form::Money, "A fee a month, whatever is stored. Default: none."),
        key(
            "free",
            Form::Size,
            "How much storage costs nothing, or is in the fee: the first bytes. Default: none.",
        ),
        key(
            "storage",
            TIERS,
            "What stored bytes cost. Default: the fee covers them.",
        ),
        key(
            "archive",
            Form::Object(&ARCHIVE),
            "What its archive costs, if it has one.",
        ),
    ],
};

pub(crate) static TIER: Object = Object {
    name: "tier",
    keys: &[
        key(
            "from",
            Form::Size,
            "Where it begins, for people: it has to be where the tier before ends.",
        ),
        key(
            "up-to",
            Form::Size,
            "Where it ends, counted from the first byte stored. The last tier alone has no end.",
        ),
        required("per-gb-month", Form::Money, "What a GB in it costs a month."),
    ],
};

pub(crate) static ARCHIVE: Object = Object {
    name: "archive",
    keys: &[
        required("storage", TIERS, "What archived bytes cost."),
        required(
            "minimum-days",
            Form::Count { least: 0 },
            "For how many days at least what is archived is paid for; 0 for none.",
        ),
        key(
            "retrieval-per-gb",
            Form::Money,
            "What it costs to bring a GB back. Default: not known.",
        ),
    ],
};
