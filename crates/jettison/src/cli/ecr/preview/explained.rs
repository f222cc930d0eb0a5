//! One repository explained to people: what is in use, held or torn off, what the rules do and count, which branches are cut.

use jettison_core::lifecycle::{LifecyclePreview, MarkedImage, Nature, RulePreview};
use jettison_core::model::RepositoryName;
use jettison_core::reason::{Hold, Reason};

use super::drawn::{LISTED, Page, are};
use super::form::RepositoryForm;
use crate::output::text::{ago, count, number};
use crate::output::{Column, image_name, style, styled};

/// Whoever keeps so many keeps all.
const KEEPS_ALL: u64 = 1_000;

impl Page<'_> {
    /// The whole of it.
    pub(super) fn repository(&self, form: &RepositoryForm, is_one_of_many: bool) {
        let Some(preview) = &form.preview else { return };
        if is_one_of_many {
            self.console.say(styled(style::HEADING, format!("\n{}", form.place())));
        }
        self.used(preview);
        self.held(preview);
        self.torn_off(preview);
        self.rules(preview);
        self.counted(preview);
        self.branches(preview);
        self.list(preview);
    }

    /// What somebody uses, or used a short while ago.
    fn used(&self, preview: &LifecyclePreview) {
        let is_used = |image: &&MarkedImage| matches!(image.known_hold(), Some(Hold::InUse | Hold::RecentlyUsed));
        let columns = [Column::Text("IMAGE"), Column::Figure("RULE"), Column::Text("USED BY")];
        let row = |image: &MarkedImage| {
            let lately = match image.known_hold() {
                Some(Hold::RecentlyUsed) => " (not long ago)",
                _ => "",
            };
            vec![
                shown(&preview.repository, image),
                image.rule_priority.to_string(),
                format!("{}{lately}", few(image.used_by())),
            ]
        };
        self.images(
            "On the list, and in use",
            &columns,
            preview.marked.iter().filter(is_used),
            row,
        );
    }

    fn held(&self, preview: &LifecyclePreview) {
        let is_held = |image: &&MarkedImage| {
            let hold = image.known_hold();
            hold.is_some() && !matches!(hold, Some(Hold::InUse | Hold::RecentlyUsed))
        };
        let columns = [Column::Text("IMAGE"), Column::Figure("RULE"), Column::Text("BECAUSE")];
        let row = |image: &MarkedImage| {
            let because = match &image.hold {
                Some(Reason::Hold { hold, because, .. }) => format!("{hold}: {because}"),
                _ => String::new(),
            };
            vec![
                shown(&preview.repository, image),
                image.rule_priority.to_string(),
                because,
            ]
        };
        self.images(
            "On the list, and held by jettison",
            &columns,
            preview.marked.iter().filter(is_held),
            row,
        );
    }

    fn torn_off(&self, preview: &LifecyclePreview) {
        let columns = [
            Column::Text("IMAGE"),
            Column::Figure("RULE"),
            Column::Text("WHAT"),
            Column::Text("BELONGS TO"),
        ];
        let row = |image: &MarkedImage| {
            let owner = image.belongs_to.as_ref();
            let owner = owner.map(|owner| image_name(&preview.repository, owner.tags.first().cloned(), &owner.digest));
            vec![
                shown(&preview.repository, image),
                image.rule_priority.to_string(),
                image.nature.as_str().to_owned(),
                owner.unwrap_or_default(),
            ]
        };
        let torn = preview.marked.iter().filter(|image| image.is_torn_off());
        self.images("On the list, although what it belongs to stays", &columns, torn, row);
    }

    fn images<'i>(
        &self,
        heading: &str,
        columns: &[Column],
        images: impl Iterator<Item = &'i MarkedImage>,
        row: impl Fn(&MarkedImage) -> Vec<String>,
    ) {
        let images: Vec<&MarkedImage> = images.collect();
        let most = if self.console.verbose { images.len() } else { LISTED };
        let rows: Vec<Vec<String>> = images.iter().take(most).map(|image| row(image)).collect();
        if !rows.is_empty() {
            self.section(heading, columns, rows, images.len().saturating_sub(most));
        }
    }

    fn rules(&self, preview: &LifecyclePreview) {
        let columns = [
            Column::Figure("RULE"),
            Column::Text("DOES"),
            Column::Figure("IDENTIFIES"),
            Column::Figure("MARKS"),
            Column::Figure("PROTECTS"),
            Column::Figure("SEEN BEFORE"),
        ];
        let rows = preview.rules.iter().map(|rule| {
            let RulePreview { outlook, .. } = rule;
            let figures = [outlook.identifies, outlook.marks, outlook.protects, outlook.seen_before];
            let words = vec![rule.rule_priority.to_string(), rule.action.as_str().to_owned()];
            [words, figures.map(number).to_vec()].concat()
        });
        self.section("By rule", &columns, rows.collect(), 0);
    }

    /// What takes the places of rules that count, where that is not images alone.
    fn counted(&self, preview: &LifecyclePreview) {
        for rule in &preview.rules {
            let Some(places) = &rule.outlook.places else { continue };
            let is_full = rule.outlook.identifies > places.keeps && places.keeps < KEEPS_ALL;
            if !is_full || places.company() + places.seen_before == 0 {
                continue;
            }
            let by = places.by.iter().map(|(nature, images)| match nature {
                Nature::Child => format!(
                    "{} of {}",
                    children(*images),
                    match places.indexes_of_children {
                        1 => "1 index".to_owned(),
                        indexes => format!("{} indexes", number(indexes)),
                    }
                ),
                nature => nature.counted(*images),
            });
            let seen = match places.seen_before {
                0 => String::new(),
                seen => format!("; on {} of them a rule before it has the say", number(seen)),
            };
            let text = format!(
                "of the {} that it keeps, {} {} images of their own: {}{seen}",
                number(places.keeps),
                number(places.images()),
                are(places.images()),
                by.collect::<Vec<_>>().join(", ")
            );
            self.console
                .remark(style::NOTE, &format!("rule {}:", rule.rule_priority), text);
        }
    }

    fn branches(&self, preview: &LifecyclePreview) {
        let columns = [
            Column::Text("BRANCH"),
            Column::Figure("IMAGES NOW"),
            Column::Figure("LEFT"),
        ];
        let most = if self.console.verbose {
            preview.cut.len()
        } else {
            LISTED
        };
        let rows = preview.cut.iter().take(most).map(|branch| {
            let name = match branch.branch.as_str() {
                "" => "(commits without a branch)".to_owned(),
                name => name.to_owned(),
            };
            vec![name, number(branch.now), number(branch.left)]
        });
        if !preview.cut.is_empty() {
            let heading = format!(
                "How far back: {} of {} cut",
                preview.cut.len(),
                branches(preview.branches)
            );
            self.section(
                &heading,
                &columns,
                rows.collect(),
                preview.cut.len().saturating_sub(most),
            );
        }
    }

    /// Everything that is on the list.
    fn list(&self, preview: &LifecyclePreview) {
        let columns = [
            Column::Text("DOES"),
            Column::Figure("RULE"),
            Column::Text("PUSHED"),
            Column::Text("WHAT"),
            Column::Text("IMAGE"),
        ];
        let row = |image: &MarkedImage| {
            vec![
                image.action.as_str().to_owned(),
                image.rule_priority.to_string(),
                image
                    .pushed_at
                    .map_or_else(|| "unknown".to_owned(), |at| ago(at, self.now)),
                image.nature.as_str().to_owned(),
                shown(&preview.repository, image),
            ]
        };
        let rest = preview.marked.iter();
        let rest = rest.filter(|image| image.known_hold().is_none() && !image.is_torn_off());
        self.images("Also on the list", &columns, rest, row);
    }
}

/// `apps/web:v1 and 2 more tags`.
fn shown(repository: &RepositoryName, image: &MarkedImage) -> String {
    let name = image_name(repository, image.tags.first().cloned(), &image.digest);
    match image.tags.len() as u64 {
        0 | 1 => name,
        tags => format!("{name} and {}", count(tags - 1, "more tag")),
    }
}

/// The first ones.
fn few(users: &[String]) -> String {
    match users {
        [] => "somebody".to_owned(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", number(rest.len() as u64)),
    }
}

fn children(number_of: u64) -> String {
    format!(
        "{} {}",
        number(number_of),
        if number_of == 1 { "child" } else { "children" }
    )
}

fn branches(number_of: u64) -> String {
    format!(
        "{} {}",
        number(number_of),
        if number_of == 1 { "branch" } else { "branches" }
    )
}
