//! Random numbers.

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::memory::Guest;

/// Where random numbers come from.
#[derive(Debug)]
pub(crate) enum Random {
    /// From a generator that cannot be predicted, seeded by the operating system when it is first needed.
    Unseeded,
    Generator(Box<StdRng>),
}

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        Random::Generator(Box::new(StdRng::seed_from_u64(seed)))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        if let Random::Unseeded = self {
            let generator = StdRng::try_from_os_rng().map_err(|_| Errno::Io)?;
            *self = Random::Generator(Box::new(generator));
        }
        if let Random::Generator(generator) = self {
            generator.fill_bytes(bytes);
        }
        Ok(())
    }
}

impl WasiCtx {
    pub(crate) fn random_get(&mut self, guest: &mut Guest<'_>, at: u32, len: u32) -> Result<()> {
        self.random.fill(guest.bytes_mut(at, len)?)
    }
}
