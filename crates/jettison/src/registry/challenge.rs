//! Reads `WWW-Authenticate` (RFC 9110, section 11.6.1) as registries really write it: several
//! challenges in one header or in many, quoted commas, any case, spaces around `=`.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// One challenge: its scheme and parameters, names in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of this name (in lower case).
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Every challenge of an answer, in the order sent. What cannot be read is skipped.
pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(parse).collect()
}

fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = Cursor(header);
    while rest.skip_separators() {
        let word = rest.token().to_ascii_lowercase();
        match (rest.eats('='), found.last_mut()) {
            (true, Some(challenge)) if !word.is_empty() => challenge.parameters.push((word, rest.value())),
            (false, _) if !word.is_empty() => found.push(Challenge {
                scheme: word,
                parameters: Vec::new(),
            }),
            _ => rest.skip_one(),
        }
    }
    found
}

struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    /// Whether something is left behind blanks and commas.
    fn skip_separators(&mut self) -> bool {
        self.0 = self.0.trim_start_matches([' ', '\t', ',']);
        !self.0.is_empty()
    }

    /// A token (RFC 9110, section 5.6.2), empty if there is none here, and the blanks behind it.
    fn token(&mut self) -> String {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c);
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest.trim_start_matches([' ', '\t']);
        token.to_owned()
    }

    fn eats(&mut self, expected: char) -> bool {
        match self.0.strip_prefix(expected) {
            Some(rest) => {
                self.0 = rest.trim_start_matches([' ', '\t']);
                true
            }
            None => false,
        }
    }

    /// A quoted string, or all up to the next comma or blank.
    fn value(&mut self) -> String {
        let Some(quoted) = self.0.strip_prefix('"') else {
            let end = self.0.find([',', ' ', '\t']).unwrap_or(self.0.len());
            let (value, rest) = self.0.split_at(end);
            self.0 = rest;
            return value.to_owned();
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return value;
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                other => value.push(other),
            }
        }
        self.0 = "";
        value
    }

    fn skip_one(&mut self) {
        let mut characters = self.0.chars();
        characters.next();
        self.0 = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> Vec<String> {
        let show = |challenge: &Challenge| format!("{} {:?}", challenge.scheme, challenge.parameters);
        parse(header).iter().map(show).collect()
    }

    #[test]
    fn reads_what_registries_send() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.example.com/token",service="r",scope="repository:a/b:pull,push""#,
                vec![
                    r#"bearer [("realm", "https://auth.example.com/token"), ("service", "r"), ("scope", "repository:a/b:pull,push")]"#,
                ],
            ),
            (
                r#"BEARER  Realm = "x" , SERVICE=y"#,
                vec![r#"bearer [("realm", "x"), ("service", "y")]"#],
            ),
            (
                r#"Negotiate, Basic realm="a, b", Bearer realm="c\"d""#,
                vec![
                    "negotiate []",
                    r#"basic [("realm", "a, b")]"#,
                    r#"bearer [("realm", "c\"d")]"#,
                ],
            ),
            ("Basic", vec!["basic []"]),
            ("", vec![]),
            (",,= \"", vec![]),
            (
                r#"Bearer realm="unfinished"#,
                vec![r#"bearer [("realm", "unfinished")]"#],
            ),
            (
                "Bearer realm=https://a.example/t?x=1,service=s",
                vec![r#"bearer [("realm", "https://a.example/t?x=1"), ("service", "s")]"#],
            ),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }

    #[test]
    fn several_headers_are_read_as_one() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, "Basic realm=a".parse().unwrap());
        headers.append(WWW_AUTHENTICATE, "Bearer realm=b".parse().unwrap());
        let schemes: Vec<String> = challenges(&headers)
            .into_iter()
            .map(|challenge| challenge.scheme)
            .collect();
        assert_eq!(schemes, ["basic", "bearer"]);
    }
}
