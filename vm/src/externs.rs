//! Handles to what instances import and export: functions, memories, tables, globals. A handle is small, can be copied
//! and sent, and means something to its own store only.

use std::marker::PhantomData;
use std::sync::Arc;

use bytecode_spec::{FuncType, GlobalType, MemoryType, TableType, ValType};
use smallvec::SmallVec;

use crate::context::{MemoryRecord, TableRecord};
use crate::error::{Error, HostError};
use crate::host::{Caller, IntoHostFunc, untyped_host_func};
use crate::store::{AsStore, AsStoreMut, GlobalRecord, StoreOpaque};
use crate::value::{MAX_VALUES, Val, Values};

/// Anything that can be imported and exported.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
}

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name {
            pub(crate) store: u64,
            pub(crate) index: u32,
        }

        impl From<$name> for Extern {
            fn from(handle: $name) -> Extern {
                Extern::$name(handle)
            }
        }
    )* };
}

handles! {
    /// A function, of a module or of the host.
    Func;
    /// A table of references.
    Table;
    /// A linear memory.
    Memory;
    /// A global.
    Global;
}

macro_rules! records {
    ($($method:ident: $handle:ident, $field:ident -> $record:ty, $what:literal;)*) => {
        impl StoreOpaque { $(
            /// The record that a handle names.
            pub(crate) fn $method(&self, handle: $handle) -> Result<&$record, Error> {
                if handle.store == self.id {
                    Ok(&self.$field[handle.index as usize])
                } else {
                    Err(Error::WrongStore($what))
                }
            }
        )* }
    };
}

records! {
    memory: Memory, memories -> MemoryRecord, "memory";
    table: Table, tables -> TableRecord, "table";
    global: Global, globals -> GlobalRecord, "global";
}

impl Func {
    /// A host function from a closure, for this store. See [`Linker::func`](crate::Linker::func) for functions by name.
    pub fn wrap<S: AsStoreMut, P>(store: &mut S, func: impl IntoHostFunc<S::Data, P>) -> Func {
        let opaque = &mut store.as_store_mut().0.opaque;
        let record = opaque.add_host(Arc::new(func.into_host("host function".to_owned())));
        opaque.func_handle(record)
    }

    /// A host function of a type known only at run time: `func` gets the arguments, and results of the right types (zero
    /// or null) to replace.
    pub fn new<S: AsStoreMut>(
        store: &mut S,
        ty: FuncType,
        func: impl Fn(Caller<'_, S::Data>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync + 'static,
    ) -> Func {
        let opaque = &mut store.as_store_mut().0.opaque;
        let record = opaque.add_host(Arc::new(untyped_host_func("host function".to_owned(), ty, func)));
        opaque.func_handle(record)
    }

    /// The function's type.
    ///
    /// # Errors
    ///
    /// When it belongs to another store.
    pub fn ty(&self, store: &impl AsStore) -> Result<FuncType, Error> {
        let opaque = &store.as_store().0.opaque;
        Ok(opaque.func_type(opaque.record(*self)?).clone())
    }

    /// Calls the function with arguments checked at run time; the results, in order.
    ///
    /// # Errors
    ///
    /// A [`Trap`](crate::Trap) where the code stops, or another error where the arguments do not fit.
    pub fn call(&self, store: &mut impl AsStoreMut, args: &[Val]) -> Result<Vec<Val>, Error> {
        let inner = store.as_store_mut().0;
        let record = inner.opaque.record(*self)?;
        let ty = inner.opaque.func_type(record).clone();
        if args.len() != ty.params.len() {
            let (args, results) = (args.len(), ty.results.len());
            return Err(Error::ArgumentCount { ty, args, results });
        }
        let mut slots: SmallVec<[u64; 8]> = SmallVec::from_elem(0, ty.params.len().max(ty.results.len()));
        for (i, (arg, &wanted)) in args.iter().zip(&ty.params).enumerate() {
            if arg.ty() != wanted {
                return Err(Error::ValueType {
                    place: format!("argument {}", i + 1),
                    wanted,
                    found: arg.ty(),
                });
            }
            slots[i] = arg.to_slot(&inner.opaque)?;
        }
        inner.call(record, &mut slots)?;
        let results = ty.results.iter().zip(&slots);
        Ok(results.map(|(&ty, &slot)| Val::from_slot(ty, slot, &mut inner.opaque)).collect())
    }

    /// The function with its type checked once, for calls without further checks.
    ///
    /// # Errors
    ///
    /// When the function has another type.
    ///
    /// ```
    /// # use strata::*;
    /// # let engine = Engine::default();
    /// let mut store = Store::new(&engine, ());
    /// let double = Func::wrap(&mut store, |x: i32| x * 2).typed::<i32, i32>(&store)?;
    /// assert_eq!(double.call(&mut store, 21)?, 42);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn typed<P: Values, R: Values>(&self, store: &impl AsStore) -> Result<TypedFunc<P, R>, Error> {
        let found = self.ty(store)?;
        let wanted = FuncType::new(P::types(), R::types());
        if found == wanted {
            Ok(TypedFunc { func: *self, types: PhantomData })
        } else {
            Err(Error::FuncType { wanted, found })
        }
    }
}

/// A function whose parameters are known to be `P` and its results `R`.
#[derive(Debug)]
pub struct TypedFunc<P, R> {
    func: Func,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P: Values, R: Values> TypedFunc<P, R> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// A [`Trap`](crate::Trap) where the code stops.
    pub fn call(&self, store: &mut impl AsStoreMut, params: P) -> Result<R, Error> {
        let inner = store.as_store_mut().0;
        let record = inner.opaque.record(self.func)?;
        let mut slots = [0; MAX_VALUES];
        let slots = &mut slots[..P::COUNT.max(R::COUNT)];
        params.to_slots(slots, &inner.opaque)?;
        inner.call(record, slots)?;
        Ok(R::from_slots(slots, &mut inner.opaque))
    }

    /// The function without its types.
    pub fn func(&self) -> Func {
        self.func
    }
}

impl Memory {
    /// A new memory for modules to import.
    ///
    /// # Errors
    ///
    /// When it is larger than the configured limit.
    pub fn new(store: &mut impl AsStoreMut, ty: MemoryType) -> Result<Memory, Error> {
        let opaque = &mut store.as_store_mut().0.opaque;
        Ok(Memory { store: opaque.id, index: opaque.add_memory(ty)? })
    }

    /// Size in pages of 64 KiB.
    ///
    /// # Errors
    ///
    /// When it belongs to another store; the same for all methods.
    pub fn pages(&self, store: &impl AsStore) -> Result<u32, Error> {
        Ok(store.as_store().0.opaque.memory(*self)?.pages())
    }

    /// Adds `delta` pages; the size before.
    ///
    /// # Errors
    ///
    /// When that is more than the memory's limit, or the configured one.
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u32) -> Result<u32, Error> {
        let store = store.as_store_mut();
        let opaque = &store.0.opaque;
        let record = opaque.memory(*self)?;
        let asked = u64::from(record.pages()) + u64::from(delta);
        let limit = record.limits.max.unwrap_or(bytecode_spec::limits::MAX_PAGES).into();
        record.grow(delta).ok_or(Error::Limit { kind: "memory", asked, unit: "pages", limit })
    }

    /// The bytes.
    ///
    /// # Errors
    ///
    /// When it belongs to another store.
    pub fn data<'a>(&self, store: &'a impl AsStore) -> Result<&'a [u8], Error> {
        let record = store.as_store().0.opaque.memory(*self)?;
        // SAFETY: `len` bytes at `base` belong to the record; no code of the store runs while it is borrowed.
        Ok(unsafe { slice(record.base.get(), record.len.get()) })
    }

    /// The bytes, to change, and the host's data.
    ///
    /// # Errors
    ///
    /// When it belongs to another store.
    pub fn data_mut<'a, S: AsStoreMut>(
        &self,
        store: &'a mut S,
    ) -> Result<(&'a mut [u8], &'a mut S::Data), Error> {
        let inner = store.as_store_mut().0;
        let record = inner.opaque.memory(*self)?;
        let (base, len) = (record.base.get(), record.len.get());
        // SAFETY: as for `data`, and the store is borrowed exclusively; its data lies elsewhere.
        let bytes = if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(base, len) } };
        Ok((bytes, &mut inner.data))
    }

    /// Copies bytes at `address` out.
    ///
    /// # Errors
    ///
    /// When not all of them are in the memory; nothing is copied then.
    pub fn read(&self, store: &impl AsStore, address: u32, into: &mut [u8]) -> Result<(), Error> {
        let data = self.data(store)?;
        into.copy_from_slice(&data[range(address, into.len(), data.len())?]);
        Ok(())
    }

    /// Copies bytes in at `address`.
    ///
    /// # Errors
    ///
    /// When not all of them fit in the memory; nothing is copied then.
    pub fn write(&self, store: &mut impl AsStoreMut, address: u32, from: &[u8]) -> Result<(), Error> {
        let (data, _) = self.data_mut(store)?;
        let range = range(address, from.len(), data.len())?;
        data[range].copy_from_slice(from);
        Ok(())
    }
}

/// # Safety
///
/// As for [`std::slice::from_raw_parts`], but the pointer may be anything when `len` is 0.
unsafe fn slice<'a>(base: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: by contract.
    if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(base, len) } }
}

fn range(start: u32, count: usize, len: usize) -> Result<std::ops::Range<usize>, Error> {
    let (start, end) = (start as usize, start as usize + count);
    if end <= len {
        return Ok(start..end);
    }
    let (kind, what) = ("memory", "bytes");
    Err(Error::OutOfBounds { kind, what, start: start as u64, end: end as u64, len: len as u64 })
}

impl Table {
    /// A new table for modules to import, of null references.
    ///
    /// # Errors
    ///
    /// When it is larger than the configured limit.
    pub fn new(store: &mut impl AsStoreMut, ty: TableType) -> Result<Table, Error> {
        let opaque = &mut store.as_store_mut().0.opaque;
        Ok(Table { store: opaque.id, index: opaque.add_table(ty)? })
    }

    /// Number of elements.
    ///
    /// # Errors
    ///
    /// When it belongs to another store; the same for all methods.
    pub fn len(&self, store: &impl AsStore) -> Result<u32, Error> {
        Ok(store.as_store().0.opaque.table(*self)?.len.get() as u32)
    }

    /// The element at `index`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn get(&self, store: &mut impl AsStoreMut, index: u32) -> Result<Val, Error> {
        let opaque = &mut store.as_store_mut().0.opaque;
        let record = opaque.table(*self)?;
        let slot = record.get(index).ok_or_else(|| table_bounds(record, index))?;
        Ok(Val::from_slot(record.element, slot, opaque))
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    ///
    /// When there is none, or the value is of another type.
    pub fn set(&self, store: &mut impl AsStoreMut, index: u32, value: Val) -> Result<(), Error> {
        let opaque = &store.as_store_mut().0.opaque;
        let record = opaque.table(*self)?;
        let slot = check(opaque, value, record.element, "the table")?;
        record.set(index, slot).ok_or_else(|| table_bounds(record, index))
    }

    /// Adds `delta` elements of that value; the size before.
    ///
    /// # Errors
    ///
    /// When that is more than the table's limit, or the configured one, or the value is of another type.
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u32, value: Val) -> Result<u32, Error> {
        let opaque = &store.as_store_mut().0.opaque;
        let record = opaque.table(*self)?;
        let slot = check(opaque, value, record.element, "the table")?;
        let asked = record.len.get() as u64 + u64::from(delta);
        let limit = record.limits.max.unwrap_or(opaque.engine.config().max_table_elements).into();
        record.grow(delta, slot).ok_or(Error::Limit { kind: "table", asked, unit: "elements", limit })
    }
}

fn table_bounds(record: &TableRecord, index: u32) -> Error {
    let (kind, what, start, len) = ("table", "elements", index.into(), record.len.get() as u64);
    Error::OutOfBounds { kind, what, start, end: start + 1, len }
}

fn check(opaque: &StoreOpaque, value: Val, wanted: ValType, place: &str) -> Result<u64, Error> {
    if value.ty() == wanted {
        value.to_slot(opaque)
    } else {
        Err(Error::ValueType { place: place.to_owned(), wanted, found: value.ty() })
    }
}

impl Global {
    /// A new global for modules to import.
    ///
    /// # Errors
    ///
    /// When the value is of another type.
    pub fn new(store: &mut impl AsStoreMut, ty: GlobalType, value: Val) -> Result<Global, Error> {
        let opaque = &mut store.as_store_mut().0.opaque;
        let slot = check(opaque, value, ty.content, "the global")?;
        Ok(Global { store: opaque.id, index: opaque.add_global(ty, slot) })
    }

    /// The global's type.
    ///
    /// # Errors
    ///
    /// When it belongs to another store; the same for all methods.
    pub fn ty(&self, store: &impl AsStore) -> Result<GlobalType, Error> {
        Ok(store.as_store().0.opaque.global(*self)?.ty)
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// When it belongs to another store.
    pub fn get(&self, store: &mut impl AsStoreMut) -> Result<Val, Error> {
        let opaque = &mut store.as_store_mut().0.opaque;
        let record = opaque.global(*self)?;
        // SAFETY: no code of the store runs while it is borrowed.
        let (ty, slot) = (record.ty.content, unsafe { *record.cell.get() });
        Ok(Val::from_slot(ty, slot, opaque))
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// When the global is immutable, or the value of another type.
    pub fn set(&self, store: &mut impl AsStoreMut, value: Val) -> Result<(), Error> {
        let opaque = &store.as_store_mut().0.opaque;
        let record = opaque.global(*self)?;
        if !record.ty.mutable {
            return Err(Error::ImmutableGlobal);
        }
        let slot = check(opaque, value, record.ty.content, "the global")?;
        // SAFETY: no code of the store runs while it is borrowed, and this thread has it.
        unsafe { *record.cell.get() = slot };
        Ok(())
    }
}
