//! Functions of the host: closures that modules import.

use std::fmt;
use std::marker::PhantomData;

use bytecode_spec::FuncType;

use crate::context::InstanceContext;
use crate::error::{Error, HostError};
use crate::externs::{Extern, Memory};
use crate::frames::HEADER_WORDS;
use crate::instance::Instance;
use crate::store::{AsStore, AsStoreMut, StoreInner, StoreMut, StoreRef};
use crate::value::{MAX_VALUES, Val, Value, Values};

/// A host function as code calls it: with the store, the calling instance (null if the host calls), and slots that hold
/// the arguments and take the results.
type RawCall = dyn Fn(*mut (), *const InstanceContext, *mut u64) -> Result<(), Box<Error>> + Send + Sync;

/// A function of the host, independent of any store.
pub(crate) struct HostFunc {
    pub(crate) name: String,
    pub(crate) ty: FuncType,
    /// Words from its frame's registers to those of the next frame.
    pub(crate) frame_words: usize,
    /// To be called with a store of the `T` that it was made for.
    pub(crate) call: Box<RawCall>,
}

impl HostFunc {
    fn new(
        name: String,
        ty: FuncType,
        call: impl Fn(*mut (), *const InstanceContext, *mut u64) -> Result<(), Box<Error>> + Send + Sync + 'static,
    ) -> HostFunc {
        let frame_words = HEADER_WORDS + ty.params.len().max(ty.results.len()).next_multiple_of(2);
        HostFunc { name, ty, frame_words, call: Box::new(call) }
    }
}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc({} {})", self.name, self.ty)
    }
}

/// What a host function may use besides its arguments: the store, the host's data, and the exports of the instance that
/// called it.
#[derive(Debug)]
pub struct Caller<'a, T> {
    store: &'a mut StoreInner<T>,
    instance: *const InstanceContext,
}

impl<T: 'static> Caller<'_, T> {
    /// The host's data.
    pub fn data(&self) -> &T {
        &self.store.data
    }

    /// The host's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.store.data
    }

    /// The instance that called; `None` when the host called the function itself.
    pub fn instance(&self) -> Option<Instance> {
        // SAFETY: null, or the context of an instance that lives as long as the store.
        let index = unsafe { self.instance.as_ref() }?.index;
        Some(Instance { store: self.store.opaque.id, index })
    }

    /// What the calling instance exports under that name.
    pub fn export(&mut self, name: &str) -> Option<Extern> {
        self.instance()?.export(self, name)
    }

    /// The memory that the calling instance exports as `memory`.
    pub fn memory(&mut self) -> Option<Memory> {
        match self.export("memory")? {
            Extern::Memory(memory) => Some(memory),
            Extern::Func(_) | Extern::Table(_) | Extern::Global(_) => None,
        }
    }
}

impl<T: 'static> AsStore for Caller<'_, T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        StoreRef(self.store)
    }
}

impl<T: 'static> AsStoreMut for Caller<'_, T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        StoreMut(self.store)
    }
}

/// What a host function gives back: results, or a `Result` of them and any error. An error stops the code that called
/// with a `HostError` trap that carries it. Not to be implemented elsewhere.
pub trait HostResult {
    /// The results.
    type Results: Values;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Results, HostError>;
}

impl<R: Values> HostResult for R {
    type Results = R;

    fn into_result(self) -> Result<R, HostError> {
        Ok(self)
    }
}

impl<R: Values, E: Into<HostError>> HostResult for Result<R, E> {
    type Results = R;

    fn into_result(self) -> Result<R, HostError> {
        self.map_err(Into::into)
    }
}

/// A closure that can be a host function: up to ten parameters, each a [`Value`], perhaps after a [`Caller`].
/// `Params` only tells the forms apart. Not to be implemented elsewhere.
pub trait IntoHostFunc<T, Params>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "for this crate's use")]
    fn into_host(self, name: String) -> HostFunc;
}

/// Marks closures that take a [`Caller`] first.
#[derive(Debug)]
pub struct WithCaller<P>(PhantomData<P>);

fn host_func<T: 'static, P: Values, R: HostResult>(
    name: String,
    call: impl Fn(Caller<'_, T>, P) -> R + Send + Sync + 'static,
) -> HostFunc {
    let ty = FuncType::new(P::types(), R::Results::types());
    let raw = move |owner: *mut (), instance, slots: *mut u64| {
        // SAFETY: a host function is called with a store of the type it was made for, exclusively its own for the call,
        // and with slots for its parameters and results.
        let (store, params) =
            unsafe { (&mut *owner.cast::<StoreInner<T>>(), std::slice::from_raw_parts(slots, P::COUNT)) };
        let params = P::from_slots(params, &mut store.opaque);
        let results =
            call(Caller { store: &mut *store, instance }, params).into_result().map_err(into_error)?;
        let mut values = [0; MAX_VALUES];
        results.to_slots(&mut values, &store.opaque).map_err(Box::new)?;
        for (i, &value) in values.iter().take(R::Results::COUNT).enumerate() {
            // Volatile, so that all of the slot is written: a result that is a parameter would be half of it, and machine code, which
            // reads it whole, would wait until that has left the store buffer.
            // SAFETY: as above.
            unsafe { slots.add(i).write_volatile(value) };
        }
        Ok(())
    };
    HostFunc::new(name, ty, raw)
}

/// An error of this crate that comes back from a host function, such as a trap of code that it called, stays itself.
fn into_error(error: HostError) -> Box<Error> {
    error.downcast::<Error>().unwrap_or_else(|error| Box::new(Error::Host(error)))
}

macro_rules! closures {
    ($(($($name:ident),*);)*) => { $(
        #[expect(private_interfaces, reason = "for this crate's use")]
        #[allow(non_snake_case, reason = "parameters are named like their types")]
        impl<T: 'static, F, R, $($name: Value),*> IntoHostFunc<T, ($($name,)*)> for F
        where
            F: Fn($($name),*) -> R + Send + Sync + 'static,
            R: HostResult,
        {
            fn into_host(self, name: String) -> HostFunc {
                host_func(name, move |_: Caller<'_, T>, ($($name,)*): ($($name,)*)| self($($name),*))
            }
        }

        #[expect(private_interfaces, reason = "for this crate's use")]
        #[allow(non_snake_case, reason = "parameters are named like their types")]
        impl<T: 'static, F, R, $($name: Value),*> IntoHostFunc<T, WithCaller<($($name,)*)>> for F
        where
            F: Fn(Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
            R: HostResult,
        {
            fn into_host(self, name: String) -> HostFunc {
                host_func(name, move |caller: Caller<'_, T>, ($($name,)*): ($($name,)*)| {
                    self(caller, $($name),*)
                })
            }
        }
    )* };
}

closures! {
    ();
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
    (A, B, C, D, E);
    (A, B, C, D, E, G);
    (A, B, C, D, E, G, H);
    (A, B, C, D, E, G, H, I);
    (A, B, C, D, E, G, H, I, J);
    (A, B, C, D, E, G, H, I, J, K);
}

/// A host function of a type known only at run time.
pub(crate) fn untyped_host_func<T: 'static>(
    name: String,
    ty: FuncType,
    call: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync + 'static,
) -> HostFunc {
    let types = ty.clone();
    let raw = move |owner: *mut (), instance, slots: *mut u64| {
        // SAFETY: as for `host_func`.
        let store = unsafe { &mut *owner.cast::<StoreInner<T>>() };
        let params: Vec<Val> = (0..)
            .zip(&types.params)
            // SAFETY: there is a slot for every parameter.
            .map(|(i, &ty)| Val::from_slot(ty, unsafe { *slots.add(i) }, &mut store.opaque))
            .collect();
        let mut results: Vec<Val> = types.results.iter().map(|&ty| Val::default_for(ty)).collect();
        call(Caller { store: &mut *store, instance }, &params, &mut results).map_err(into_error)?;
        for (i, (result, &wanted)) in results.iter().zip(&types.results).enumerate() {
            if result.ty() != wanted {
                let place = format!("result {i} of a host function");
                return Err(Box::new(Error::ValueType { place, wanted, found: result.ty() }));
            }
            let slot = result.to_slot(&store.opaque).map_err(Box::new)?;
            // SAFETY: there is a slot for every result.
            unsafe { *slots.add(i) = slot };
        }
        Ok(())
    };
    HostFunc::new(name, ty, raw)
}
