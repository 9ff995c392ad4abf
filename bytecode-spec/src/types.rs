//! Types of registers, functions, tables, memories and globals, and the indices that name a module's parts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a register, parameter, result or global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ValType {
    /// 32-bit integer; the upper half of its slot is zero.
    I32,
    /// 64-bit integer.
    I64,
    /// IEEE 754 binary32; the upper half of its slot is zero.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// A function, or null.
    FuncRef,
    /// A value of the host, or null.
    ExternRef,
}

impl ValType {
    /// Every type there is.
    pub const ALL: [ValType; 6] =
        [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::FuncRef, ValType::ExternRef];

    /// The type's name in text, such as `i32`.
    ///
    /// ```
    /// # use bytecode_spec::ValType;
    /// assert_eq!(ValType::from_name(ValType::FuncRef.name()), Some(ValType::FuncRef));
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::FuncRef => "funcref",
            ValType::ExternRef => "externref",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<ValType> {
        ValType::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Whether values are references.
    pub const fn is_ref(self) -> bool {
        matches!(self, ValType::FuncRef | ValType::ExternRef)
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a value of type `sub` may stand where `sup` is wanted. Equality, until there are type hierarchies.
pub fn is_subtype(sub: ValType, sup: ValType) -> bool {
    sub == sup
}

/// Parameters and results of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FuncType {
    /// Types of the parameters, in order.
    pub params: Vec<ValType>,
    /// Types of the results, in order.
    pub results: Vec<ValType>,
}

impl FuncType {
    /// A function type of these parameters and results.
    pub fn new(params: impl Into<Vec<ValType>>, results: impl Into<Vec<ValType>>) -> FuncType {
        FuncType { params: params.into(), results: results.into() }
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &[ValType]| types.iter().map(|t| t.name()).collect::<Vec<_>>().join(", ");
        write!(f, "({})", list(&self.params))?;
        match self.results.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " -> {one}"),
            many => write!(f, " -> ({})", list(many)),
        }
    }
}

/// Smallest and largest size of a memory (in pages) or a table (in elements).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Size at the start.
    pub min: u32,
    /// Size that it may grow to; `None` for the implementation's limit.
    pub max: Option<u32>,
}

impl Limits {
    /// Whether something of these actual limits may be imported where `wanted` is declared.
    pub fn fits(&self, wanted: &Limits) -> bool {
        self.min >= wanted.min
            && match (self.max, wanted.max) {
                (_, None) => true,
                (Some(have), Some(want)) => have <= want,
                (None, Some(_)) => false,
            }
    }
}

/// A table: its elements' type and its limits, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableType {
    /// Type of the elements, a reference type.
    pub element: ValType,
    /// Limits, in elements.
    pub limits: Limits,
}

/// A linear memory: its limits, in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryType {
    /// Limits, in pages.
    pub limits: Limits,
}

/// A global: its type and whether it may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalType {
    /// Type of the value.
    pub content: ValType,
    /// Whether `global.set` may set it.
    pub mutable: bool,
}

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident($inner:ty) $prefix:literal;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl $name {
            /// The index as a `usize`, for indexing.
            #[inline(always)]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )* };
}

index! {
    /// A register of a function; parameters come first.
    Reg(u16) "%r";
    /// The place of an instruction in its function: the index of its first word.
    Pc(u32) "";
    /// A type of the module.
    TypeIndex(u32) "@t";
    /// A function of the module: imported ones first, then defined ones.
    FuncIndex(u32) "@f";
    /// A table of the module: imported ones first.
    TableIndex(u32) "@table";
    /// A memory of the module: imported ones first. There is at most one today.
    MemoryIndex(u32) "@memory";
    /// A global of the module: imported ones first.
    GlobalIndex(u32) "@g";
    /// A data segment of the module.
    DataIndex(u32) "@d";
    /// An element segment of the module.
    ElemIndex(u32) "@e";
    /// A source of the module.
    SourceIndex(u32) "";
}
