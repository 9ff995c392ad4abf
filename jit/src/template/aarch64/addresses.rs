//! Addresses as loads and stores take them.

use dynasmrt::{DynasmApi, dynasm};

use super::Aarch64;
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Addr, Gpr, Width};

/// An address that one load or store takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A base, and an offset that is a multiple of the size.
    Scaled(Gpr, u32),
    /// A base, and any small offset.
    Unscaled(Gpr, i32),
    /// A base and an index, whether shifted by the size or not at all.
    Indexed(Gpr, Gpr, bool),
}

impl Place {
    /// The place at a distance from a register, if it is near enough; `size` as a logarithm.
    #[inline(always)]
    fn near(base: Gpr, disp: i32, size: u8) -> Option<Place> {
        let scaled = disp as u32 >> size;
        if scaled < 1 << 12 && scaled << size == disp as u32 {
            return Some(Place::Scaled(base, disp as u32));
        }
        (-256..256).contains(&disp).then_some(Place::Unscaled(base, disp))
    }
}

impl Aarch64 {
    /// The address for an access of a size, which is given as a logarithm; what does not fit is computed in `spare`, which is none
    /// of the address's registers.
    #[inline(always)]
    pub(super) fn place(&mut self, at: Addr, size: u8, spare: Gpr) -> Place {
        match at {
            Addr { base, index: None, disp } => match Place::near(base, disp, size) {
                Some(place) => place,
                None => self.far_place(at, size, spare),
            },
            Addr { base, index: Some((index, shift)), disp: 0 } if shift == 0 || shift == size => {
                Place::Indexed(base, index, shift != 0)
            }
            Addr { index: Some(_), .. } => self.far_place(at, size, spare),
        }
    }

    #[inline(never)]
    fn far_place(&mut self, Addr { base, index, disp }: Addr, size: u8, spare: Gpr) -> Place {
        let Some((index, shift)) = index else {
            self.constant(spare, disp as i64 as u64);
            return Place::Indexed(base, spare, false);
        };
        if let Some(place) = Place::near(spare, disp, size) {
            self.add_shifted(W64, spare, base, index, shift);
            return place;
        }
        self.add_constant(W64, spare, base, disp as i64 as u64);
        if shift == 0 || shift == size {
            return Place::Indexed(spare, index, shift != 0);
        }
        self.add_shifted(W64, spare, spare, index, shift);
        Place::Unscaled(spare, 0)
    }

    /// `dst = base + (index << shift)`.
    pub(super) fn add_shifted(&mut self, width: Width, dst: Gpr, base: Gpr, index: Gpr, shift: u8) {
        let shift = u32::from(shift & 3);
        match width {
            W32 => a64!(self, add W(dst.0), W(base.0), W(index.0), LSL shift),
            W64 => a64!(self, add X(dst.0), X(base.0), X(index.0), LSL shift),
        }
    }
}
