//! Lambda: functions with their versions and aliases (REST with JSON).

mod handle;
mod model;

use http::Method;
use http::request::Parts;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::call::{Answer, Call};
use super::paging::{Page, Rule};
use super::place::Place;
use super::refusal::Refusal;
use super::state::{State, object};
use model::{Function, arn};

pub use handle::Lambda;
pub(super) use model::Functions;

/// Where every path begins.
pub(super) const ROOT: &str = "/2015-03-31/functions";

/// How all of its lists page: more than 50 are asked for in vain.
const RULE: Rule = Rule {
    token: "Marker",
    size: "MaxItems",
    default: 50,
    most: 50,
    clamps: true,
};

/// The operation and the parameters of a request; none where there is no such path.
pub(super) fn asked(parts: &Parts) -> Option<(String, Value)> {
    let rest = parts.uri.path().strip_prefix(ROOT)?.trim_matches('/');
    let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
    let operation = match (&parts.method, segments.as_slice()) {
        (&Method::GET, []) => "ListFunctions",
        (&Method::GET, [_]) => "GetFunction",
        (&Method::GET, [_, "versions"]) => "ListVersionsByFunction",
        (&Method::GET, [_, "aliases"]) => "ListAliases",
        _ => return None,
    };
    let mut input = Map::new();
    for (key, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        let number = value.parse::<u64>().ok().filter(|_| key == "MaxItems");
        input.insert(key.into_owned(), number.map_or_else(|| json!(value), Value::from));
    }
    if let Some(name) = segments.first() {
        // A path has no `+` for a space; names have neither.
        let name = form_urlencoded::parse(name.as_bytes()).next();
        input.insert("FunctionName".to_owned(), json!(name.map(|(name, _)| name)));
    }
    Some((operation.to_owned(), Value::Object(input)))
}

pub(super) fn serve(state: &mut State, call: &Call) -> Answer {
    let place = Place::of(call);
    let name = call.text("FunctionName").map(|name| name_of(name).0);
    let resource = name.map_or_else(|| "*".to_owned(), |name| arn(&place, name));
    let action = format!("lambda:{}", call.operation);
    state.identities.check(&call.caller, &action, &resource)?;
    let functions = state.region(&place).functions.clone();
    let Some(name) = name else {
        return list(state, call, &place, &functions);
    };
    let function = functions
        .functions
        .get(name)
        .ok_or_else(|| not_found(&arn(&place, name)))?;
    match call.operation.as_str() {
        "GetFunction" => get(state, call, &place, name, function),
        "ListVersionsByFunction" => {
            let rows = function.versions();
            let rows = rows.map(|(key, version)| (key, function.configuration(state, &place, name, version)));
            page(call, "Versions", rows)
        }
        _ => aliases(call, &place, name, function),
    }
}

/// Name and qualifier, which may be given as an ARN: `arn:aws:lambda:…:function:web:live`.
fn name_of(given: &str) -> (&str, Option<&str>) {
    let name = given.rsplit_once(":function:").map_or(given, |(_, name)| name);
    name.split_once(':')
        .map_or((name, None), |(name, qualifier)| (name, Some(qualifier)))
}

fn list(state: &State, call: &Call, place: &Place, functions: &Functions) -> Answer {
    let all = call.text("FunctionVersion") == Some("ALL");
    let rows = functions.functions.iter().flat_map(|(name, function)| {
        let versions = function.versions().take(if all { usize::MAX } else { 1 });
        versions.map(move |(key, version)| {
            let row = function.configuration(state, place, name, version);
            (format!("{name} {key}"), row)
        })
    });
    page(call, "Functions", rows)
}

fn get(state: &State, call: &Call, place: &Place, name: &str, function: &Function) -> Answer {
    let given = call.text("FunctionName").and_then(|given| name_of(given).1);
    let qualifier = call.text("Qualifier").or(given).unwrap_or("$LATEST");
    let found = function.version(qualifier);
    let version = found.ok_or_else(|| not_found(&format!("{}:{qualifier}", arn(place, name))))?;
    let code = match &version.image {
        Some(image) => {
            json!({"RepositoryType": "ECR", "ImageUri": image.uri, "ResolvedImageUri": image.resolved})
        }
        None => json!({"RepositoryType": "S3", "Location": "https://example.com/function.zip"}),
    };
    let configuration = function.configuration(state, place, name, version);
    Ok(json!({"Configuration": configuration, "Code": code}))
}

fn aliases(call: &Call, place: &Place, name: &str, function: &Function) -> Answer {
    let wanted = call.text("FunctionVersion");
    let rows = function.aliases.iter();
    let rows = rows
        .filter(|(_, alias)| wanted.is_none_or(|wanted| wanted == alias.version))
        .map(|(alias_name, alias)| {
            let weights: Map<String, Value> = alias
                .weights
                .iter()
                .map(|(key, weight)| (key.clone(), json!(weight)))
                .collect();
            let routing = (!weights.is_empty()).then(|| json!({"AdditionalVersionWeights": weights}));
            let row = object(
                json!({"AliasArn": format!("{}:{alias_name}", arn(place, name)), "Name": alias_name,
                "FunctionVersion": alias.version, "RoutingConfig": routing}),
            );
            (alias_name.clone(), row)
        });
    page(call, "Aliases", rows)
}

fn page(call: &Call, key: &str, rows: impl Iterator<Item = (String, Value)>) -> Answer {
    let page =
        Page::of(call, RULE).map_err(|refusal| Refusal::new("InvalidParameterValueException", refusal.message))?;
    let (rows, next) = page.cut(rows.filter(|(key, _)| page.is_behind(key)));
    let mut answer = json!({"NextMarker": next});
    answer[key] = rows.into();
    Ok(object(answer))
}

fn not_found(arn: &str) -> Refusal {
    Refusal::with_status(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}
