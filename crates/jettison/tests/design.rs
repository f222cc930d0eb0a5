//! The design page, held against the program sentence by sentence: black-box tests of `jettison plan` on saved facts.
//!
//! They are written from the page alone and know nothing of the code, so that both can be wrong only independently.
//! Each test is named after a sentence; [`design::world`] explains the shorthand in which images are written.

#[cfg(test)]
mod design {
    mod world;

    mod bundles;
    mod conditions;
    mod exits;
    mod forms;
    mod groups;
    mod holds;
    mod lifecycle;
    mod limits;
    mod matching;
    mod standard;
    mod times;
    mod usage;
    mod vocabulary;
}
