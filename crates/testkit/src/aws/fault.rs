//! Faults: what goes wrong, with which calls, how often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::handle::Handle;
use crate::pattern::Pattern;

/// One thing that goes wrong. Without more said, with every call for ever.
#[derive(Debug, Clone)]
pub struct Fault {
    action: Pattern,
    account: Option<String>,
    region: Option<String>,
    about: Option<String>,
    skip: u64,
    times: u64,
    effect: Effect,
}

/// What goes wrong.
///
/// Several faults can fit one call: every [`Effect::Call`] and every [`Effect::Edit`] runs and every delay is waited for; the first
/// one that answers instead of the service wins.
#[derive(Clone)]
pub enum Effect {
    /// The service is asked too often: `ThrottlingException`, of Lambda `TooManyRequestsException`. Nothing happens.
    Throttle,
    /// An error in the form of the protocol, and nothing happens.
    Error {
        /// The status: 400, 403, 500.
        status: u16,
        /// The code: `ServerException`.
        code: String,
        /// The message.
        message: String,
    },
    /// A status with a page that no service wrote, as a load balancer answers. Nothing happens.
    Status(u16),
    /// No answer ever comes.
    Hang,
    /// The call is held up that long, then it happens.
    Delay(Duration),
    /// It happens, but the answer breaks off after so many bytes.
    Cut(usize),
    /// Calls for a further page are told that their token is not good any more.
    ExpireToken,
    /// Every page leads to itself.
    Loop,
    /// In `BatchGetImage` and `BatchDeleteImage` these images fail, the others do not.
    FailImages {
        /// Their tags or digests.
        images: Vec<String>,
        /// `KmsError`
        code: String,
    },
    /// Runs before the service acts: a tag moves, an image vanishes.
    Call(Arc<dyn Fn(&Handle) + Send + Sync>),
    /// Changes a good answer before it is sent: fields are missing, or say what no service would.
    Edit(Arc<dyn Fn(&mut Value) + Send + Sync>),
}

/// How one call goes wrong inside of the service.
#[derive(Debug, Clone, Default)]
pub(super) struct Quirks {
    /// The page leads to itself.
    pub(super) loops: bool,
    /// Tags and digests that fail, and how.
    pub(super) failing: Vec<(String, String)>,
}

/// What a fault looks at.
#[derive(Debug)]
pub(super) struct Subject<'s> {
    /// `ecr:DescribeImages`
    pub(super) action: &'s str,
    pub(super) account: &'s str,
    pub(super) region: &'s str,
    pub(super) input: &'s Value,
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    set: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
}

impl Fault {
    /// The effect on every call.
    pub fn new(effect: Effect) -> Self {
        Self {
            action: Pattern::new("*"),
            account: None,
            region: None,
            about: None,
            skip: 0,
            times: u64::MAX,
            effect,
        }
    }

    /// An error in the form of the protocol.
    pub fn error(status: u16, code: &str) -> Self {
        Self::new(Effect::Error {
            status,
            code: code.to_owned(),
            message: "something is wrong on purpose".to_owned(),
        })
    }

    /// In batches these images fail with this code.
    pub fn images(images: &[&str], code: &str) -> Self {
        Self::new(Effect::FailImages {
            images: images.iter().map(|&image| image.to_owned()).collect(),
            code: code.to_owned(),
        })
    }

    /// Runs `call` before the service acts.
    pub fn call(call: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        Self::new(Effect::Call(Arc::new(call)))
    }

    /// Changes a good answer before it is sent.
    pub fn edit(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::new(Effect::Edit(Arc::new(edit)))
    }

    /// Only this action; one `*` stands for any run of characters: `ecr:DescribeImages`, `lambda:*`.
    #[must_use]
    pub fn on(mut self, action: &str) -> Self {
        self.action = Pattern::new(action);
        self
    }

    /// Only calls by this account.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Only calls to this region.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Only calls with this text in their parameters: the name of a repository, a digest.
    #[must_use]
    pub fn about(mut self, text: &str) -> Self {
        self.about = Some(text.to_owned());
        self
    }

    /// Lets the first `count` calls that fit pass.
    #[must_use]
    pub fn skip(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Only that often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    fn fits(&self, subject: &Subject<'_>) -> bool {
        let is = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|wanted| wanted == given);
        let is_further_page = || {
            ["nextToken", "Marker"]
                .iter()
                .any(|key| subject.input[*key].is_string())
        };
        self.action.fits(subject.action)
            && is(&self.account, subject.account)
            && is(&self.region, subject.region)
            && (!matches!(self.effect, Effect::ExpireToken) || is_further_page())
            && self
                .about
                .as_ref()
                .is_none_or(|text| subject.input.to_string().contains(text))
    }
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.set.push(Armed { fault, seen: 0 });
    }

    /// The effects on this call, counting it.
    pub(super) fn on(&mut self, subject: &Subject<'_>) -> Vec<Effect> {
        let fitting = self.set.iter_mut().filter(|armed| armed.fault.fits(subject));
        fitting.filter_map(Armed::strike).collect()
    }
}

impl Armed {
    fn strike(&mut self) -> Option<Effect> {
        let turn = self.seen;
        self.seen += 1;
        let struck = turn >= self.fault.skip && turn - self.fault.skip < self.fault.times;
        struck.then(|| self.fault.effect.clone())
    }
}

impl Quirks {
    pub(super) fn of(effects: &[Effect]) -> Self {
        let mut quirks = Self::default();
        for effect in effects {
            match effect {
                Effect::Loop => quirks.loops = true,
                Effect::FailImages { images, code } => {
                    let failing = images.iter().map(|image| (image.clone(), code.clone()));
                    quirks.failing.extend(failing);
                }
                _ => {}
            }
        }
        quirks
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttle => "Throttle",
            Self::Error { code, .. } => return write!(f, "Error({code})"),
            Self::Status(status) => return write!(f, "Status({status})"),
            Self::Hang => "Hang",
            Self::Delay(_) => "Delay",
            Self::Cut(_) => "Cut",
            Self::ExpireToken => "ExpireToken",
            Self::Loop => "Loop",
            Self::FailImages { .. } => "FailImages",
            Self::Call(_) => "Call",
            Self::Edit(_) => "Edit",
        })
    }
}
