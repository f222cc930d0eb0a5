//! Hash maps and sets for the inner loops: digests are looked up by the million.
//!
//! The hasher is seeded at random, as the standard one is, and several times as fast. Nothing that is shown or compared
//! may come in the order of these.

/// A map with a fast hasher.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// A set with a fast hasher.
pub(crate) type Set<K> = std::collections::HashSet<K, foldhash::fast::RandomState>;

/// A map with room for so many.
pub(crate) fn map_for<K, V>(count: usize) -> Map<K, V> {
    Map::with_capacity_and_hasher(count, foldhash::fast::RandomState::default())
}
