//! Exact arithmetic for what grows a little each day: whole numbers of 1/168 byte, into which half a month of a growth
//! by the day, the week or the month divides without a rest. Nothing here can overflow: see the bounds.

/// A number of 1/168 bytes. The largest there is comes from 2^64 bytes and 120 months of 2^63 bytes a day, which is below
/// 2^84; an `i128` holds it 2^43 times.
pub(super) type Parts = i128;

/// How many parts a byte has: the least number that 24 and 168 divide, the halves and twelfths of 7 days.
pub(super) const PER_BYTE: Parts = 168;

/// Bytes in parts.
pub(super) fn parts(bytes: u64) -> Parts {
    Parts::from(bytes) * PER_BYTE
}

/// To the nearest byte, halves upwards; nothing if negative, and no more than can be counted.
pub(super) fn whole_bytes(parts: Parts) -> u64 {
    let rounded = (parts.max(0) + PER_BYTE / 2) / PER_BYTE;
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

/// A share between none and all, to 2^-48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ratio(u64);

impl Ratio {
    const BITS: u32 = 48;

    /// Everything.
    pub(super) const ALL: Self = Self(1 << Self::BITS);

    /// `part` of `whole`, rounded up: rather too much is kept than too little. What is more than everything is
    /// everything. `None` if the whole is nothing.
    pub(super) fn of(part: u128, whole: u128) -> Option<Self> {
        let part = part.min(whole);
        // Both are sums of 64 bits: neither loses anything here unless there are 2^16 of them.
        let excess = (u128::BITS - whole.leading_zeros()).saturating_sub(u128::BITS - Self::BITS);
        let (part, whole) = (part >> excess, whole >> excess);
        let share = (part << Self::BITS)
            .checked_add(whole)?
            .checked_sub(1)?
            .checked_div(whole)?;
        Some(Self(u64::try_from(share).unwrap_or(u64::MAX)).min(Self::ALL))
    }

    /// That share of some parts, which are not negative.
    pub(super) fn times(self, parts: Parts) -> Parts {
        (parts * Parts::from(self.0)) >> Self::BITS
    }
}

/// What lies on average under a line that falls from `height` to 0 before its time is up, if it would fall by `fall` in
/// all of it: `height² / (2 × fall)`, to 2^-62 of itself.
pub(super) fn under_a_fall(height: Parts, fall: Parts) -> Parts {
    let excess = 66_u32.saturating_sub(height.leading_zeros());
    // `height` is below 2^62 now, and so is its quotient with the greater `fall`.
    let (short, fall) = (height >> excess, (fall >> excess).max(1));
    (short * short / (2 * fall)) << excess
}
