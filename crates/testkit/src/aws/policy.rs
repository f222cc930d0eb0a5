//! IAM policies: JSON documents, read strictly, and what they allow (IAM User Guide, "IAM JSON policy elements reference").

use serde::Deserialize;

/// Why a text is no policy that can be understood here.
#[derive(Debug, thiserror::Error)]
pub enum NotAPolicy {
    /// It is no policy document. Conditions and the negated elements are not understood.
    #[error("no policy document")]
    Form(#[from] serde_json::Error),
    /// It is one that IAM would refuse.
    #[error("IAM would refuse {what}")]
    Refused {
        /// What it would refuse.
        what: String,
    },
}

/// What somebody may do.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WireDocument {
    version: String,
    #[serde(default, rename = "Id")]
    _id: String,
    statement: OneOrMany<WireStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WireStatement {
    #[serde(default)]
    sid: String,
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn all(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

impl Policy {
    /// Reads a document as `aws iam put-role-policy` takes it.
    ///
    /// # Errors
    /// It is no policy, one that IAM would refuse, or one with conditions.
    pub fn read(document: &str) -> Result<Self, NotAPolicy> {
        let document: WireDocument = serde_json::from_str(document)?;
        if document.version != "2012-10-17" {
            let what = format!("the version {}", document.version);
            return Err(NotAPolicy::Refused { what });
        }
        let statements = document.statement.all().into_iter().map(Statement::read);
        Ok(Self {
            statements: statements.collect::<Result<_, _>>()?,
        })
    }

    /// Everything.
    pub fn everything() -> Self {
        Self::with(true, "*")
    }

    /// Nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The actions as they stand in what it allows, wildcards and all.
    pub fn actions(&self) -> Vec<String> {
        let allowing = self.statements.iter().filter(|statement| statement.allows);
        allowing
            .flat_map(|statement| statement.actions.iter().cloned())
            .collect()
    }

    /// The same, but not that action: as if it had been forgotten.
    #[must_use]
    pub fn without(&self, action: &str) -> Self {
        let mut statements = self.statements.clone();
        statements.extend(Self::with(false, action).statements);
        Self { statements }
    }

    /// Whether something allows the action on the resource, and nothing denies it.
    pub(super) fn allows(&self, action: &str, resource: &str) -> bool {
        let fitting = |statement: &&Statement| statement.fits(action, resource);
        let mut fitting = self.statements.iter().filter(fitting).peekable();
        fitting.peek().is_some() && fitting.all(|statement| statement.allows)
    }

    fn with(allows: bool, action: &str) -> Self {
        let statement = Statement {
            allows,
            actions: vec![action.to_owned()],
            resources: vec!["*".to_owned()],
        };
        Self {
            statements: vec![statement],
        }
    }
}

impl Statement {
    fn read(wire: WireStatement) -> Result<Self, NotAPolicy> {
        let refused = |what: &str, text: &str| NotAPolicy::Refused {
            what: format!("the {what} {text:?}"),
        };
        if !wire.sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(refused("Sid", &wire.sid));
        }
        let (actions, resources) = (wire.action.all(), wire.resource.all());
        if let Some(action) = actions.iter().find(|action| *action != "*" && !action.contains(':')) {
            return Err(refused("action", action));
        }
        let is_resource = |text: &str| text == "*" || text.starts_with("arn:");
        if let Some(resource) = resources.iter().find(|resource| !is_resource(resource)) {
            return Err(refused("resource", resource));
        }
        Ok(Self {
            allows: wire.effect == Effect::Allow,
            actions,
            resources,
        })
    }

    fn fits(&self, action: &str, resource: &str) -> bool {
        let is_action = |pattern: &String| fits(&pattern.to_lowercase(), &action.to_lowercase());
        self.actions.iter().any(is_action) && self.resources.iter().any(|pattern| fits(pattern, resource))
    }
}

/// Whether the text fits a pattern in which `*` stands for any run of characters and `?` for one.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut star) = ((0, 0), None);
    while at.1 < text.len() {
        match pattern.get(at.0) {
            Some(b'*') => {
                star = Some(at);
                at.0 += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[at.1] => at = (at.0 + 1, at.1 + 1),
            // The last star takes one character more.
            _ => match star {
                Some((before, taken)) => {
                    star = Some((before, taken + 1));
                    at = (before + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at.0..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_run_and_for_one_character() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("ecr:*", "ecr:ListImages", true),
            ("ecr:*Image*", "ecr:BatchGetImage", true),
            ("ecr:*Image", "ecr:ListImages", false),
            ("ecr:Get?", "ecr:GetX", true),
            ("ecr:Get?", "ecr:Get", false),
            ("a*b*c", "axxbyybzzc", true),
            ("a*b*c", "axxbyybzz", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_denial_weighs_more_than_any_permission() {
        let policy = Policy::read(
            r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": ["ecr:Describe*", "ecr:listimages"], "Resource": "*"},
            {"Effect": "Allow", "Action": "ecr:PutImage", "Resource": "arn:aws:ecr:*:111122223333:repository/apps/*"},
            {"Effect": "Deny", "Action": "ecr:*", "Resource": "arn:aws:ecr:*:*:repository/secret"}]}"#,
        )
        .unwrap();
        let arn = |name: &str| format!("arn:aws:ecr:eu-central-1:111122223333:repository/{name}");
        for (action, name, expected) in [
            ("ecr:DescribeImages", "apps/web", true),
            ("ecr:ListImages", "apps/web", true),
            ("ecr:PutImage", "apps/web", true),
            ("ecr:PutImage", "other", false),
            ("ecr:DescribeImages", "secret", false),
            ("ecs:ListTasks", "apps/web", false),
        ] {
            assert_eq!(policy.allows(action, &arn(name)), expected, "{action} {name}");
        }
        assert!(!policy.without("ecr:DescribeImages").allows("ecr:DescribeImages", "*"));
        assert!(policy.without("ecr:DescribeImages").allows("ecr:ListImages", "*"));
    }

    #[test]
    fn what_iam_would_refuse_or_what_is_not_understood_is_no_policy() {
        for (statement, why) in [
            (r#""Effect": "Allow", "Action": "ecr:*""#, "no resource"),
            (
                r#""Effect": "allow", "Action": "ecr:*", "Resource": "*""#,
                "an effect in lower case",
            ),
            (
                r#""Effect": "Allow", "Action": "DescribeImages", "Resource": "*""#,
                "an action without a service",
            ),
            (
                r#""Effect": "Allow", "Action": "ecr:*", "Resource": "apps/web""#,
                "a resource that is no ARN",
            ),
            (
                r#""Sid": "a b", "Effect": "Allow", "Action": "ecr:*", "Resource": "*""#,
                "a Sid with a space",
            ),
            (
                r#""Effect": "Allow", "Action": "ecr:*", "Resource": "*", "Condition": {}"#,
                "a condition",
            ),
        ] {
            let document = format!(r#"{{"Version": "2012-10-17", "Statement": {{{statement}}}}}"#);
            assert!(Policy::read(&document).is_err(), "{why}");
        }
    }
}
