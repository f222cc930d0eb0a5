//! A loopback port that stays this test's own while its server is down.
//!
//! A free port asked of the kernel and given back may be anyone's a moment later, and a registry that restarts after
//! its garbage collection has to come back where its images say it is. So ports come from below the range that the
//! kernel hands out by itself, and a UDP socket of the same number is the lock: exclusive on the whole machine,
//! never in the way of the TCP server, and gone with the process however that ends.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;

/// Below Linux's default `ip_local_port_range` (from 32768), above the ports that services are known by.
const PORTS: Range<u16> = 20_000..30_000;

/// A port leased until this value is dropped.
#[derive(Debug)]
pub(crate) struct PortLease {
    number: u16,
    _lock: UdpSocket,
}

impl PortLease {
    /// Leases a port that nobody listens on.
    ///
    /// # Panics
    /// When ten thousand ports are taken.
    pub(crate) fn take() -> Self {
        Self::take_from(PORTS)
    }

    /// As [`PortLease::take`], from a range of the caller's.
    pub(crate) fn take_from(ports: Range<u16>) -> Self {
        let count = u32::from(ports.end - ports.start);
        // Processes begin at different places, so that they seldom try the same ones.
        let first = std::process::id().wrapping_mul(101) % count;
        (0..count)
            .filter_map(|step| u16::try_from((first + step) % count).ok())
            .find_map(|offset| Self::try_take(ports.start + offset))
            .expect("no port on loopback is free")
    }

    /// The port's number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    fn try_take(number: u16) -> Option<Self> {
        let lock = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _lock: lock })
    }
}
