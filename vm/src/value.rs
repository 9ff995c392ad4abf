//! Values as an embedder sees them, and the Rust types that stand for them.

use bytecode_spec::ValType;
use bytecode_spec::slot::Slot;

use crate::error::Error;
use crate::externs::Func;
use crate::store::StoreOpaque;

/// A value of any type.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// 32-bit float.
    F32(f32),
    /// 64-bit float.
    F64(f64),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// A value of the host, or null.
    ExternRef(Option<ExternRef>),
}

/// A value of the host that modules pass around without looking into it. It lives as long as its store; see
/// [`Store::extern_ref`](crate::Store::extern_ref).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef {
    pub(crate) store: u64,
    /// Place in the store's list, plus one.
    pub(crate) number: u32,
}

impl Val {
    /// The value's type.
    pub const fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::FuncRef(_) => ValType::FuncRef,
            Val::ExternRef(_) => ValType::ExternRef,
        }
    }

    /// Zero or null of that type.
    pub fn default_for(ty: ValType) -> Val {
        match ty {
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0.0),
            ValType::F64 => Val::F64(0.0),
            ValType::FuncRef => Val::FuncRef(None),
            ValType::ExternRef => Val::ExternRef(None),
            ValType::I32 => Val::I32(0),
        }
    }

    pub(crate) fn to_slot(self, store: &StoreOpaque) -> Result<u64, Error> {
        match self {
            Val::I32(value) => value.to_slot(store),
            Val::I64(value) => value.to_slot(store),
            Val::F32(value) => value.to_slot(store),
            Val::F64(value) => value.to_slot(store),
            Val::FuncRef(value) => value.to_slot(store),
            Val::ExternRef(value) => value.to_slot(store),
        }
    }

    pub(crate) fn from_slot(ty: ValType, slot: u64, store: &mut StoreOpaque) -> Val {
        match ty {
            ValType::I64 => Val::I64(Value::from_slot(slot, store)),
            ValType::F32 => Val::F32(Value::from_slot(slot, store)),
            ValType::F64 => Val::F64(Value::from_slot(slot, store)),
            ValType::FuncRef => Val::FuncRef(Value::from_slot(slot, store)),
            ValType::ExternRef => Val::ExternRef(Value::from_slot(slot, store)),
            ValType::I32 => Val::I32(Value::from_slot(slot, store)),
        }
    }
}

/// A Rust type that stands for one of the machine's: `i32` and `u32`, `i64` and `u64`, `f32`, `f64`, `Option<Func>` and
/// `Option<ExternRef>`. Not to be implemented elsewhere.
pub trait Value: Sized + sealed::Sealed {
    /// The machine's type.
    const TYPE: ValType;
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "sealed")]
    fn to_slot(self, store: &StoreOpaque) -> Result<u64, Error>;
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "sealed")]
    fn from_slot(slot: u64, store: &mut StoreOpaque) -> Self;
}

pub(crate) mod sealed {
    #[expect(unnameable_types, reason = "seals the traits")]
    pub trait Sealed {}
}

macro_rules! values {
    ($($ty:ty as $as:ty: $variant:ident;)*) => { $(
        impl sealed::Sealed for $ty {}

        #[expect(private_interfaces, reason = "sealed")]
        impl Value for $ty {
            const TYPE: ValType = ValType::$variant;

            #[inline(always)]
            fn to_slot(self, _store: &StoreOpaque) -> Result<u64, Error> {
                Ok(<$as as Slot>::into_slot(self as $as))
            }

            #[inline(always)]
            fn from_slot(slot: u64, _store: &mut StoreOpaque) -> $ty {
                <$as as Slot>::from_slot(slot) as $ty
            }
        }

        impl From<$ty> for Val {
            fn from(value: $ty) -> Val {
                Val::$variant(value as $as)
            }
        }
    )* };
}

values! {
    i32 as i32: I32;
    u32 as i32: I32;
    i64 as i64: I64;
    u64 as i64: I64;
    f32 as f32: F32;
    f64 as f64: F64;
}

impl sealed::Sealed for Option<Func> {}

#[expect(private_interfaces, reason = "sealed")]
impl Value for Option<Func> {
    const TYPE: ValType = ValType::FuncRef;

    fn to_slot(self, store: &StoreOpaque) -> Result<u64, Error> {
        self.map_or(Ok(0), |func| store.record(func).map(|record| record.addr() as u64))
    }

    fn from_slot(slot: u64, store: &mut StoreOpaque) -> Option<Func> {
        (slot != 0).then(|| store.func_handle(slot as *const _))
    }
}

impl sealed::Sealed for Option<ExternRef> {}

#[expect(private_interfaces, reason = "sealed")]
impl Value for Option<ExternRef> {
    const TYPE: ValType = ValType::ExternRef;

    fn to_slot(self, store: &StoreOpaque) -> Result<u64, Error> {
        match self {
            None => Ok(0),
            Some(reference) if reference.store == store.id => Ok(reference.number.into()),
            Some(_) => Err(Error::WrongStore("reference")),
        }
    }

    fn from_slot(slot: u64, store: &mut StoreOpaque) -> Option<ExternRef> {
        (slot != 0).then_some(ExternRef { store: store.id, number: slot as u32 })
    }
}

impl From<Option<Func>> for Val {
    fn from(value: Option<Func>) -> Val {
        Val::FuncRef(value)
    }
}

impl From<Option<ExternRef>> for Val {
    fn from(value: Option<ExternRef>) -> Val {
        Val::ExternRef(value)
    }
}

/// No value, one [`Value`], or a tuple of several: parameters or results of a function. Not to be implemented elsewhere.
pub trait Values: Sized + sealed::Sealed {
    /// The machine's types.
    fn types() -> Vec<ValType>;
    #[doc(hidden)]
    const COUNT: usize;
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "sealed")]
    fn to_slots(self, slots: &mut [u64], store: &StoreOpaque) -> Result<(), Error>;
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "sealed")]
    fn from_slots(slots: &[u64], store: &mut StoreOpaque) -> Self;
}

#[expect(private_interfaces, reason = "sealed")]
impl<V: Value> Values for V {
    const COUNT: usize = 1;

    fn types() -> Vec<ValType> {
        vec![V::TYPE]
    }

    #[inline(always)]
    fn to_slots(self, slots: &mut [u64], store: &StoreOpaque) -> Result<(), Error> {
        slots[0] = self.to_slot(store)?;
        Ok(())
    }

    #[inline(always)]
    fn from_slots(slots: &[u64], store: &mut StoreOpaque) -> V {
        V::from_slot(slots[0], store)
    }
}

/// The most values that a [`Values`] type has.
pub(crate) const MAX_VALUES: usize = 10;

macro_rules! tuples {
    ($(($($name:ident $index:tt),*) $count:literal;)*) => { $(
        impl<$($name: Value),*> sealed::Sealed for ($($name,)*) {}

        #[expect(private_interfaces, reason = "sealed")]
        impl<$($name: Value),*> Values for ($($name,)*) {
            const COUNT: usize = $count;

            fn types() -> Vec<ValType> {
                vec![$($name::TYPE),*]
            }

            #[inline(always)]
            #[allow(unused_variables, reason = "the empty tuple")]
            fn to_slots(self, slots: &mut [u64], store: &StoreOpaque) -> Result<(), Error> {
                $(slots[$index] = self.$index.to_slot(store)?;)*
                Ok(())
            }

            #[inline(always)]
            #[allow(unused_variables, clippy::unused_unit, reason = "the empty tuple")]
            fn from_slots(slots: &[u64], store: &mut StoreOpaque) -> Self {
                ($($name::from_slot(slots[$index], store),)*)
            }
        }
    )* };
}

tuples! {
    () 0;
    (A 0) 1;
    (A 0, B 1) 2;
    (A 0, B 1, C 2) 3;
    (A 0, B 1, C 2, D 3) 4;
    (A 0, B 1, C 2, D 3, E 4) 5;
    (A 0, B 1, C 2, D 3, E 4, F 5) 6;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6) 7;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7) 8;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8) 9;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9) 10;
}
