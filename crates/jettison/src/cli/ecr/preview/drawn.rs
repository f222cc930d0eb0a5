//! What `ecr preview` says to people: the short answer, then what hurts most.

use jettison_core::lifecycle::{KnownUse, LifecycleAction, LifecycleDifference, LifecyclePreview, LifecycleVerdict};
use jiff::Timestamp;

use super::form::{AwsForm, Form, RepositoryForm, Status};
use crate::output::text::{count, number};
use crate::output::{Column, Console, hanging, image_name, style, styled, table};

/// Items that are listed one by one, unless all are wanted.
pub(super) const LISTED: usize = 10;

/// Repositories that are explained one by one, unless all are wanted.
const EXPLAINED: usize = 15;

/// The whole answer.
pub(super) fn draw(form: &Form, console: &Console) {
    let page = Page { console, now: form.now };
    page.answer(form);
    page.repositories(form);
    let (all, is_only_one) = (form.repositories.iter(), form.repositories.len() == 1);
    let mut worst: Vec<&RepositoryForm> = all
        .filter(|one| {
            one.preview
                .as_ref()
                .is_some_and(|it| is_only_one || !it.marked.is_empty())
        })
        .collect();
    worst.sort_by_key(|one| {
        one.preview
            .as_ref()
            .map(|preview| std::cmp::Reverse((preview.held(), preview.torn_off())))
    });
    let shown = if console.verbose {
        worst.len()
    } else {
        EXPLAINED.min(worst.len())
    };
    for repository in &worst[..shown] {
        page.repository(repository, form.repositories.len() > 1);
    }
    page.rest(worst.len() - shown);
    for repository in &form.repositories {
        if let Some(aws) = &repository.aws {
            page.compared(repository, aws);
        }
    }
    page.closing(form);
}

/// What is said, and where to.
pub(super) struct Page<'c> {
    pub(super) console: &'c Console,
    pub(super) now: Timestamp,
}

impl Page<'_> {
    /// `AWS would expire 212 of 1,204 images; 3 of them are in use`.
    fn answer(&self, form: &Form) {
        let (expire, archive) = (form.sum(|it| it.expire), form.sum(|it| it.transition));
        let images = count(form.sum(|it| it.images), "image");
        let does = match (expire, archive) {
            (0, 0) => format!("nothing to {images}"),
            (expire, 0) => format!("expire {} of {images}", number(expire)),
            (0, archive) => format!("archive {} of {images}", number(archive)),
            (expire, archive) => format!("expire {} and archive {} of {images}", number(expire), number(archive)),
        };
        if form.previews().next().is_none() {
            return self.without_any(form);
        }
        let (used, held) = (form.sum(LifecyclePreview::in_use), form.held());
        // Who was not asked, or did not answer, may use more.
        let is_known = form.previews().all(|preview| preview.usage == KnownUse::Complete);
        let least = if is_known { "" } else { "at least " };
        let of_them = match (used, held - used) {
            (0, 0) if is_known => String::new(),
            (0, 0) => "; which of them are in use is not known".to_owned(),
            (used, 0) => format!("; {least}{} of them {} in use", number(used), are(used)),
            (0, held) => format!("; {least}{} of them {} held", number(held), are(held)),
            (used, held) => format!(
                "; {least}{} of them {} in use, {} otherwise held",
                number(used),
                are(used),
                number(held)
            ),
        };
        let does = match expire + archive {
            0 => format!("AWS would do {does}"),
            _ => format!("AWS would {does}{of_them}"),
        };
        let stands_out = if held > 0 { style::GOES } else { style::HEADING };
        self.console
            .say(styled(stands_out, hanging("", &does, self.console.line_width())));
    }

    fn without_any(&self, form: &Form) {
        let text = match form.repositories.as_slice() {
            [] if form.gaps.is_empty() => "no repository fits".to_owned(),
            [] => "nothing could be read".to_owned(),
            [one] if one.status == Status::NoPolicy => {
                format!("{} has no lifecycle policy: AWS does nothing there", one.place())
            }
            all if all.iter().all(|one| one.status == Status::NoPolicy) => {
                format!(
                    "none of {} has a lifecycle policy: AWS does nothing there",
                    count(all.len() as u64, "repository")
                )
            }
            _ => "no lifecycle policy could be read".to_owned(),
        };
        self.console.say(hanging("", &text, self.console.line_width()));
    }

    fn repositories(&self, form: &Form) {
        if form.repositories.len() < 2 {
            return;
        }
        let columns = [
            Column::Text("REPOSITORY"),
            Column::Figure("IMAGES"),
            Column::Figure("EXPIRE"),
            Column::Figure("ARCHIVE"),
            Column::Figure("IN USE"),
            Column::Figure("HELD"),
        ];
        let mut shown: Vec<&RepositoryForm> = form.repositories.iter().collect();
        shown.sort_by_key(|one| std::cmp::Reverse(one.preview.as_ref().map(|it| (it.held(), it.marked.len()))));
        let most = if self.console.verbose { shown.len() } else { EXPLAINED };
        let rows = shown.iter().take(most).map(|one| {
            let figures = match (&one.preview, one.status) {
                (Some(it), _) => [
                    number(it.images),
                    number(it.expire),
                    number(it.transition),
                    as_known(it, it.in_use()),
                    as_known(it, it.held()),
                ],
                (None, Status::NoPolicy) => ["no policy", "-", "-", "-", "-"].map(str::to_owned),
                (None, _) => ["not read", "-", "-", "-", "-"].map(str::to_owned),
            };
            [vec![one.place()], figures.to_vec()].concat()
        });
        self.section("", &columns, rows.collect(), shown.len().saturating_sub(most));
    }

    fn compared(&self, form: &RepositoryForm, aws: &AwsForm) {
        let place = form.place();
        if aws.differences.is_empty() {
            let text = format!("{place}: {}, and no difference", count(aws.images, "image"));
            return self.console.remark(style::STAYS, "AWS's own preview:", text);
        }
        let columns = [
            Column::Text("IMAGE"),
            Column::Text("JETTISON"),
            Column::Text("AWS"),
            Column::Text("LIKELY CAUSE"),
        ];
        let most = if self.console.verbose {
            aws.differences.len()
        } else {
            LISTED
        };
        let rows = aws.differences.iter().take(most).map(|difference| {
            let LifecycleDifference {
                digest,
                tags,
                jettison,
                aws,
                likely_cause,
            } = difference;
            vec![
                image_name(&form.repository, tags.first().cloned(), digest),
                told(jettison.as_ref()),
                told(aws.as_ref()),
                likely_cause.unwrap_or("not known").to_owned(),
            ]
        });
        let differences = count(aws.differences.len() as u64, "difference");
        let heading = format!(
            "AWS's own preview of {place}: {}, {differences}",
            count(aws.images, "image")
        );
        let rest = aws.differences.len().saturating_sub(most);
        self.section(&heading, &columns, rows.collect(), rest);
    }

    /// What to know before anybody trusts the figures.
    fn closing(&self, form: &Form) {
        let without = form
            .repositories
            .iter()
            .filter(|one| one.status == Status::NoPolicy)
            .count() as u64;
        if without > 0 && form.previews().next().is_some() {
            let text = format!(
                "{} without a lifecycle policy: AWS does nothing there",
                count(without, "repository")
            );
            self.console.remark(style::NOTE, "note:", text);
        }
        let of_stored = form.repositories.iter().filter(|_| form.policy.is_none());
        let idle = |one: &&RepositoryForm| one.status == Status::Previewed && one.last_evaluated_at.is_none();
        if let Some(first) = of_stored.clone().find(idle) {
            let text = match of_stored.filter(idle).count() as u64 {
                1 => format!("AWS has never evaluated the policy of {}", first.place()),
                idle => format!(
                    "AWS has never evaluated the policies of {}, such as {}",
                    count(idle, "repository"),
                    first.place()
                ),
            };
            self.console.remark(style::NOTE, "note:", text);
        }
        if form
            .previews()
            .any(|preview| matches!(preview.usage, KnownUse::Partial { .. }))
        {
            let text = "what is in use is not known completely: more of what is on the list may be";
            self.console.remark(style::NOTE, "note:", text);
        }
        if form.previews().any(|preview| preview.usage == KnownUse::Unasked) {
            let text = "nobody was asked what is in use: configure `usage`, or give --usage FILE";
            self.console.remark(style::NOTE, "note:", text);
        }
    }

    /// A table below a heading, and how much is left out.
    pub(super) fn section(&self, heading: &str, columns: &[Column], rows: Vec<Vec<String>>, left_out: usize) {
        self.console.say("");
        if !heading.is_empty() {
            let heading = hanging("", heading, self.console.line_width());
            self.console.say(styled(style::HEADING, heading));
        }
        self.console.say(table(columns, rows, self.console.line_width()));
        self.rest(left_out);
    }

    fn rest(&self, left_out: usize) {
        if left_out > 0 {
            let text = format!("   and {} more (--verbose lists all)", number(left_out as u64));
            self.console.say(styled(style::FAINT, text));
        }
    }
}

fn told(verdict: Option<&LifecycleVerdict>) -> String {
    match verdict {
        None => "stays".to_owned(),
        Some(verdict) => {
            let does = match verdict.action {
                LifecycleAction::Expire => "expires",
                LifecycleAction::Transition => "archived",
            };
            format!("{does} by {}", verdict.rule_priority)
        }
    }
}

pub(super) fn are(number_of: u64) -> &'static str {
    if number_of == 1 { "is" } else { "are" }
}

/// A figure that rests on what is known of use: `3`, `3+` where there may be more, `?` where nobody knows of any.
fn as_known(preview: &LifecyclePreview, figure: u64) -> String {
    match (&preview.usage, figure) {
        (KnownUse::Complete, figure) => number(figure),
        (_, 0) => "?".to_owned(),
        (_, figure) => format!("{}+", number(figure)),
    }
}
