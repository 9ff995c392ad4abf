//! Instructions by the form of their operands: dynasm wants an arm for each.

/// Emits into the buffer.
macro_rules! a64 {
    ($self:ident, $($code:tt)*) => {
        dynasm!($self.0; .arch aarch64; $($code)*)
    };
}

/// One instruction on general registers.
macro_rules! integer {
    ($self:ident, $width:expr, $op:tt $($register:expr),+) => {
        match $width {
            W32 => a64!($self, $op $(W($register.0)),+),
            W64 => a64!($self, $op $(X($register.0)),+),
        }
    };
}

/// One instruction on two general registers and an immediate.
macro_rules! integer_by {
    ($self:ident, $width:expr, $op:tt $dst:expr, $a:expr, $immediate:expr) => {
        match $width {
            W32 => a64!($self, $op W($dst.0), W($a.0), $immediate),
            W64 => a64!($self, $op X($dst.0), X($a.0), $immediate),
        }
    };
}

/// One instruction on float registers.
macro_rules! scalar {
    ($self:ident, $width:expr, $op:tt $($register:expr),+) => {
        match $width {
            W32 => a64!($self, $op $(S($register.0)),+),
            W64 => a64!($self, $op $(D($register.0)),+),
        }
    };
}

/// One load or store: its mnemonic, the one that it has with an offset that is not scaled, the register, and the logarithm of
/// the bytes.
macro_rules! access {
    ($self:ident, $place:expr, $scaled:tt $unscaled:tt $bank:ident($register:expr), $size:literal) => {
        match $place {
            Place::Scaled(base, offset) => a64!($self, $scaled $bank($register.0), [XSP(base.0), offset]),
            Place::Unscaled(base, offset) => a64!($self, $unscaled $bank($register.0), [XSP(base.0), offset]),
            Place::Indexed(base, index, false) => a64!($self, $scaled $bank($register.0), [XSP(base.0), X(index.0)]),
            Place::Indexed(base, index, true) => {
                a64!($self, $scaled $bank($register.0), [XSP(base.0), X(index.0), LSL $size])
            }
        }
    };
}
