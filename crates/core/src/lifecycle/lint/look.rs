//! Gathers, rule by rule, what repositories say of a policy. What it comes to stands in `told`.

use std::collections::BTreeMap;

use super::super::evaluate::Later;
use super::super::{LifecycleOutlook, LifecyclePolicy, LifecycleRule, Nature, Places, StorageClass, TagSelection};
use super::texts::Text;
use crate::lint::Tally;
use crate::model::{Kind, Tag};
use crate::policy::{Candidate, Rule, standard};
use crate::reason::Hold;

/// What all repositories say.
pub(super) struct Looks<'p> {
    pub(super) rules: Vec<RuleLook<'p>>,
    pub(super) unreached: Tally,
    pub(super) unreached_natures: BTreeMap<Nature, u64>,
    /// All repositories were read whole.
    pub(super) is_whole: bool,
    words: Words,
}

/// What they say of one rule.
pub(super) struct RuleLook<'p> {
    pub(super) rule: &'p LifecycleRule,
    /// Its texts, each with how many images have a tag that fits.
    pub(super) texts: Vec<(Text<'p>, u64)>,
    /// How many images there are of its storage class.
    pub(super) of_class: u64,
    pub(super) identifies: u64,
    /// How many of these no rule before it has seen.
    pub(super) decides: u64,
    /// How many each rule before it has the say on.
    pub(super) seen_by: BTreeMap<usize, u64>,
    pub(super) swallowed: Tally,
    pub(super) swallowed_releases: u64,
    pub(super) swallowed_used: u64,
    pub(super) in_use: Tally,
    pub(super) children: Tally,
    pub(super) attached: Tally,
    pub(super) moving: Tally,
    /// Marked by this rule, and a later one would have kept it.
    pub(super) outranks: Tally,
    pub(super) outranked: BTreeMap<usize, u64>,
    pub(super) company: Tally,
    /// The places where most company is.
    pub(super) worst: Places,
    pub(super) overlap: Tally,
}

/// Tags that say what they are, as the built-in policy knows them.
struct Words {
    releases: Vec<Rule>,
    moving: Vec<Rule>,
}

impl Words {
    fn new() -> Self {
        let standard = standard();
        let named = |names: &[&str]| {
            let rules = standard.rules.own().iter();
            rules
                .filter(|rule| names.contains(&rule.name.as_str()))
                .cloned()
                .collect()
        };
        Self {
            releases: named(&["production", "releases", "versions"]),
            moving: named(&["moving tags"]),
        }
    }

    fn any(rules: &[Rule], tags: &[&Tag]) -> bool {
        let fits = |tag: &&Tag| {
            let candidate = Candidate {
                kind: Kind::Image,
                tags: &[*tag],
                image_tags: tags,
                archived: false,
                labels: [&BTreeMap::new(), &BTreeMap::new()],
                platforms: &[],
            };
            rules.iter().any(|rule| rule.fits(&candidate))
        };
        tags.iter().any(fits)
    }
}

impl<'p> Looks<'p> {
    pub(super) fn new(policy: &'p LifecyclePolicy) -> Self {
        Self {
            rules: policy.rules().iter().map(RuleLook::new).collect(),
            unreached: Tally::default(),
            unreached_natures: BTreeMap::new(),
            is_whole: true,
            words: Words::new(),
        }
    }

    pub(super) fn look(&mut self, outlook: &LifecycleOutlook<'_>) {
        self.is_whole &= outlook.is_whole();
        self.look_at_unreached(outlook);
        let mut marked: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        for (position, _) in outlook.marked() {
            if let Some(judgement) = outlook.judgements[position] {
                marked[judgement.rule].push(position);
            }
        }
        for (number, marked) in marked.iter().enumerate() {
            let look = &mut self.rules[number];
            look.look_at_marked(outlook, marked, &self.words);
            look.look_at_places(outlook, number);
            look.look_at_texts(outlook);
        }
        self.look_at_later_rules(outlook);
    }

    fn look_at_unreached(&mut self, outlook: &LifecycleOutlook<'_>) {
        let positions = 0..outlook.judgements.len();
        let unreached: Vec<usize> = positions.filter(|at| outlook.judgements[*at].is_none()).collect();
        for position in &unreached {
            *self.unreached_natures.entry(outlook.natures[*position]).or_default() += 1;
        }
        add(&mut self.unreached, outlook, &unreached);
    }

    /// What a rule identifies and an earlier one has the say on.
    fn look_at_later_rules(&mut self, outlook: &LifecycleOutlook<'_>) {
        let mut outranked: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        outlook
            .policy
            .identify(&outlook.images.images, outlook.now, Later::All, |position, later| {
                let Some(first) = outlook.judgements[position].filter(|first| first.rule != later.rule) else {
                    return;
                };
                *self.rules[later.rule].seen_by.entry(first.rule).or_default() += 1;
                let names_tags = !self.rules[later.rule].texts.is_empty();
                if first.marked && !later.marked && names_tags {
                    outranked[first.rule].push(position);
                    *self.rules[first.rule].outranked.entry(later.rule).or_default() += 1;
                }
            });
        for (look, mut images) in self.rules.iter_mut().zip(outranked) {
            // Several later rules may have kept the same image.
            images.sort_unstable();
            images.dedup();
            add(&mut look.outranks, outlook, &images);
        }
    }
}

impl<'p> RuleLook<'p> {
    fn new(rule: &'p LifecycleRule) -> Self {
        Self {
            rule,
            texts: Text::all(rule).into_iter().map(|text| (text, 0)).collect(),
            of_class: 0,
            identifies: 0,
            decides: 0,
            seen_by: BTreeMap::new(),
            swallowed: Tally::default(),
            swallowed_releases: 0,
            swallowed_used: 0,
            in_use: Tally::default(),
            children: Tally::default(),
            attached: Tally::default(),
            moving: Tally::default(),
            outranks: Tally::default(),
            outranked: BTreeMap::new(),
            company: Tally::default(),
            worst: Places::default(),
            overlap: Tally::default(),
        }
    }

    /// Looks at the images that the rule expires or archives.
    fn look_at_marked(&mut self, outlook: &LifecycleOutlook<'_>, marked: &[usize], words: &Words) {
        let graph = &outlook.evaluated.graph;
        let tags = |at: usize| -> Vec<&Tag> {
            let tags = graph.ordinary_tags(outlook.images.nodes[at]);
            tags.map(|tag| &tag.name).collect()
        };
        let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<usize> {
            marked.iter().copied().filter(|at| wanted(*at)).collect()
        };
        let is_used = |at: usize| {
            let hold = outlook.hold(at).and_then(|reason| reason.hold());
            matches!(hold, Some(Hold::InUse | Hold::RecentlyUsed))
        };
        let tears = |at: usize, nature: Nature| {
            outlook.natures[at] == nature && outlook.owner(at).is_some_and(|(_, stays)| stays)
        };
        add(&mut self.in_use, outlook, &of(&is_used));
        add(&mut self.children, outlook, &of(&|at| tears(at, Nature::Child)));
        add(&mut self.attached, outlook, &of(&|at| tears(at, Nature::Attached)));
        let is_moving = |at: usize| outlook.natures[at].is_image() && Words::any(&words.moving, &tags(at));
        add(&mut self.moving, outlook, &of(&is_moving));
        if self.rule.selects == TagSelection::Any {
            let swallowed = of(&|at| !tags(at).is_empty());
            let releases = swallowed.iter().filter(|at| Words::any(&words.releases, &tags(**at)));
            self.swallowed_releases += releases.count() as u64;
            self.swallowed_used += swallowed.iter().filter(|at| is_used(**at)).count() as u64;
            add(&mut self.swallowed, outlook, &swallowed);
        }
    }

    /// Who takes the places of a rule that counts and has too many to count.
    fn look_at_places(&mut self, outlook: &LifecycleOutlook<'_>, number: usize) {
        let told = &outlook.rules()[number];
        self.identifies += told.identifies;
        self.decides += told.marks + told.protects;
        let Some(places) = &told.places else { return };
        if told.identifies <= places.keeps {
            return;
        }
        if places.company() * 2 > places.taken {
            if places.company() > self.worst.company() {
                self.worst = places.clone();
            }
            self.company
                .add_named(outlook.place(), places.company(), std::iter::empty());
        }
        if told.marks > 0 {
            self.overlap
                .add_named(outlook.place(), places.seen_before, std::iter::empty());
        }
    }

    fn look_at_texts(&mut self, outlook: &LifecycleOutlook<'_>) {
        for image in &outlook.images.images {
            if image.archived_at.is_some() != (self.rule.storage_class == StorageClass::Archive) {
                continue;
            }
            self.of_class += 1;
            for (text, fitting) in &mut self.texts {
                *fitting += u64::from(image.tags.iter().any(|tag| text.fits(tag)));
            }
        }
    }
}

fn add(tally: &mut Tally, outlook: &LifecycleOutlook<'_>, positions: &[usize]) {
    let examples = positions.iter().map(|position| outlook.name(*position));
    tally.add_named(outlook.place(), positions.len() as u64, examples);
}
