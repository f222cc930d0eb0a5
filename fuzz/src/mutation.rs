//! Makes inputs out of seeds: small damage, moved and repeated parts, parts of other seeds.
//!
//! Knows no format. The same stream of random numbers gives the same inputs on every machine.

use std::ops::Range;

use fastrand::Rng;

/// No input grows beyond this, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// Texts on which parsers have stumbled before, whatever they read.
const TRICKY: [&[u8]; 26] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b",",
    b";",
    b":",
    b"/",
    b"<",
    b">",
    b"=",
    b"{",
    b"}",
    b"[",
    b"]",
    b"@",
    b"null",
    b"0",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"\xff",
    b"\x1b[31m",
    b"\xe2\x80\xae",
    b"\\ud800",
];

/// A new input from one of `seeds`; empty where there is none.
pub(crate) fn mutated(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut input = any(seeds, random).to_vec();
    for _ in 0..random.usize(1..=4) {
        mutate(&mut input, seeds, random);
        input.truncate(MOST_BYTES);
    }
    input
}

fn any<'s>(seeds: &'s [Vec<u8>], random: &mut Rng) -> &'s [u8] {
    random.choice(seeds).map_or(&[], Vec::as_slice)
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Rng) {
    let here = part(input, random);
    match random.u8(..8) {
        0 => {
            if let Some(byte) = input.get_mut(here.start) {
                *byte ^= 1 << random.u8(..8);
            }
        }
        1 => drop(input.drain(here)),
        2 => drop(input.splice(here, random.choice(TRICKY).unwrap_or_default().iter().copied())),
        3 => {
            let tricky = random.choice(TRICKY).unwrap_or_default();
            drop(input.splice(here.start..here.start, tricky.iter().copied()));
        }
        4 => repeat(input, here, random.usize(1..=64)),
        5 => {
            let moved: Vec<u8> = input.drain(here).collect();
            let there = random.usize(..=input.len());
            drop(input.splice(there..there, moved));
        }
        6 => {
            let copied = input[here].to_vec();
            let there = part(input, random);
            drop(input.splice(there, copied));
        }
        _ => {
            let other = any(seeds, random);
            let foreign = other[part(other, random)].to_vec();
            drop(input.splice(here, foreign));
        }
    }
}

/// A part of `input`, short ones more often than long ones.
fn part(input: &[u8], random: &mut Rng) -> Range<usize> {
    let start = random.usize(..=input.len());
    let most = 1_usize << random.u8(..12);
    let end = start.saturating_add(random.usize(..=most)).min(input.len());
    start..end
}

fn repeat(input: &mut Vec<u8>, here: Range<usize>, times: usize) {
    let times = times.min(MOST_BYTES / here.len().max(1));
    let again = input[here.clone()].repeat(times);
    drop(input.splice(here.end..here.end, again));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_many_different_ones() {
        let seeds = [b"one {two} three".to_vec(), b"four: [five]".to_vec()];
        let inputs = || {
            let mut random = Rng::with_seed(7);
            (0..1_000).map(|_| mutated(&seeds, &mut random)).collect::<Vec<_>>()
        };
        let mut made = inputs();
        assert_eq!(made, inputs());
        assert!(made.iter().all(|input| input.len() <= MOST_BYTES));
        made.sort();
        made.dedup();
        assert!(made.len() > 800, "{}", made.len());
    }

    #[test]
    fn without_seeds_something_is_made_all_the_same() {
        let mut random = Rng::with_seed(7);
        assert!((0..100).any(|_| !mutated(&[], &mut random).is_empty()));
    }
}
