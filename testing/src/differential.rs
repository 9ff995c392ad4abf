//! A program in every configuration and in the reference: all that can be seen of a run must be the same.

use bytecode_spec::{FuncIndex, Pc, TrapCause, VerifiedModule};
use strata::{Config, Error, ExternRef, Func, Instance, Module, Store, Trap, Val};

use crate::choices::Choices;
use crate::configuration::{self, Configuration};
use crate::generate::{self, ENTRY, EXTERNS};
use crate::host;
use crate::reference::{Ended, MAX_TABLE_ELEMENTS, Machine};
use crate::slots;

/// Instructions that a run may take where fuel is counted: more than any random program does.
pub const MUCH_FUEL: u64 = 100_000_000;

/// Frames of a backtrace that are compared: the VM keeps more of the innermost ones than that, with those of the host.
const COMPARED_FRAMES: usize = 30;

/// All that can be seen of a run: how it ended, and what it left behind. References are numbers, as in the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// How the start function and the entry ended; of a trap, the innermost frames.
    pub ended: Ended,
    /// Fuel left, where it is counted.
    pub fuel: Option<u64>,
    /// The memory.
    pub memory: Vec<u8>,
    /// Globals, in order.
    pub globals: Vec<u64>,
    /// Tables, in order.
    pub tables: Vec<Vec<u64>>,
}

/// A random program, everywhere; and once more with less fuel than it needs.
///
/// # Panics
///
/// When configurations or the reference differ; the message has the program's text.
pub fn check(choices: &mut Choices<'_>) {
    let module = generate::program(choices);
    let entry = exported(&module, ENTRY);
    let args = generate::arguments(choices, module.func_type(entry));
    let used = check_module(&module, &args, MUCH_FUEL);
    let less = choices.below(usize::try_from(used).unwrap_or(usize::MAX).max(1)) as u64;
    check_module(&module, &args, less);
}

/// A module of [`generate`] with arguments for its entry, everywhere; gives the fuel that it used.
///
/// # Panics
///
/// As for [`check`].
pub fn check_module(module: &VerifiedModule, args: &[u64], fuel: u64) -> u64 {
    let wanted = in_reference(module, args, Some(fuel));
    let unlimited = fuel >= MUCH_FUEL;
    for configuration in configuration::ALL.iter().filter(|c| c.fuel || unlimited) {
        let mut wanted = wanted.clone();
        wanted.fuel = wanted.fuel.filter(|_| configuration.fuel);
        let seen = run(module, args, configuration, fuel);
        if let Some(difference) = difference(&wanted, &seen) {
            panic!(
                "{} differs from the reference (arguments {args:?}, fuel {fuel}): {difference}\n{}",
                configuration.name,
                strata_asm::disassemble(module)
            );
        }
    }
    fuel - wanted.fuel.unwrap_or(0)
}

fn difference(wanted: &Seen, seen: &Seen) -> Option<String> {
    if wanted.ended != seen.ended {
        return Some(format!("ended with {:?}, expected {:?}", seen.ended, wanted.ended));
    }
    if wanted.fuel != seen.fuel {
        return Some(format!("{:?} fuel is left, expected {:?}", seen.fuel, wanted.fuel));
    }
    if wanted.globals != seen.globals {
        return Some(format!("globals are {:?}, expected {:?}", seen.globals, wanted.globals));
    }
    if wanted.tables != seen.tables {
        return Some(format!("tables are {:?}, expected {:?}", seen.tables, wanted.tables));
    }
    if wanted.memory.len() != seen.memory.len() {
        return Some(format!("memory has {} bytes, expected {}", seen.memory.len(), wanted.memory.len()));
    }
    let at = wanted.memory.iter().zip(&seen.memory).position(|(a, b)| a != b)?;
    Some(format!("byte {at:#x} of memory is {}, expected {}", seen.memory[at], wanted.memory[at]))
}

fn exported(module: &VerifiedModule, name: &str) -> FuncIndex {
    let export = module.exports.iter().find(|export| export.name == name).expect("programs export it");
    let bytecode_spec::ExportKind::Func(func) = export.kind else { panic!("{name} is no function") };
    func
}

/// What the reference sees.
pub fn in_reference(module: &VerifiedModule, args: &[u64], fuel: Option<u64>) -> Seen {
    let mut machine = Machine::new(module, fuel).expect("segments of random programs fit");
    let started = module.start.map_or(Ok(vec![]), |start| machine.call(start, &[]));
    let mut ended = started.and_then(|_| machine.call(exported(module, ENTRY), args));
    if let Err((_, frames)) = &mut ended {
        frames.truncate(COMPARED_FRAMES);
    }
    Seen {
        ended,
        fuel: machine.fuel,
        memory: machine.memory,
        globals: machine.globals,
        tables: machine.tables,
    }
}

/// What is seen in a configuration. The module's start function must not trap with anything left to see: it is seen
/// through the instance, so a module whose start traps is instantiated without it and started by hand.
pub fn run(module: &VerifiedModule, args: &[u64], configuration: &Configuration, fuel: u64) -> Seen {
    let start = module.start;
    let module = without_start(module);
    let config = Config::new().max_table_elements(MAX_TABLE_ELEMENTS).max_stack_bytes(stack_bytes(&module));
    let engine = configuration.engine(config);
    let loaded = Module::from_verified(&engine, module.clone());
    let mut store = Store::new(&engine, ());
    if configuration.fuel {
        store.set_fuel(fuel).expect("configured");
    }
    let externs: Vec<ExternRef> = (0..EXTERNS).map(|i| store.extern_ref(i as u64 + 1)).collect();
    let linker = host::linker(&engine).expect("names are distinct");
    let instance = linker.instantiate(&mut store, &loaded).expect("programs can be instantiated");

    let mut run = Run { instance, store, functions: Vec::new() };
    let count = module.spaces().funcs.len();
    run.functions =
        (0..count).map(|i| run.instance.func(&run.store, &format!("f{i}")).expect("exported")).collect();
    let ended = start.map_or(Ok(vec![]), |start| run.call(start, &[]));
    let ended = ended.and_then(|_| {
        let entry = exported(&module, ENTRY);
        let types = &module.func_type(entry).params;
        let args: Vec<Val> = types
            .iter()
            .zip(args)
            .map(|(&ty, &slot)| match (ty, slot) {
                (bytecode_spec::ValType::ExternRef, 1..) => Val::ExternRef(Some(externs[slot as usize - 1])),
                _ => slots::to_val(ty, slot),
            })
            .collect();
        run.call(entry, &args)
    });
    let failed = configuration::not_compiled(&loaded).next();
    assert_eq!(failed, None, "the optimizing compiler fails on it:\n{}", strata_asm::disassemble(&module));
    let spaces = module.spaces();
    Seen {
        ended,
        fuel: configuration.fuel.then(|| run.store.fuel().expect("configured")),
        memory: run.memory(),
        globals: (0..spaces.globals.len()).map(|i| run.global(i)).collect(),
        tables: (0..spaces.tables.len()).map(|i| run.table(i)).collect(),
    }
}

/// Room for the deepest recursion that the budget of a random program allows.
fn stack_bytes(module: &VerifiedModule) -> usize {
    let largest = module.functions.iter().map(|function| function.registers.len()).max().unwrap_or(0);
    (generate::MAX_BUDGET + 20) * (largest + 10) * size_of::<u64>()
}

fn without_start(module: &VerifiedModule) -> VerifiedModule {
    let mut module = (**module).clone();
    module.start = None;
    bytecode_spec::verify(module).expect("still valid")
}

/// An instance, and what is needed to look at it.
struct Run {
    instance: Instance,
    store: Store<()>,
    /// Handles of all functions, in order: they are equal for one function.
    functions: Vec<Func>,
}

impl Run {
    fn call(&mut self, func: FuncIndex, args: &[Val]) -> Ended {
        match self.functions[func.index()].call(&mut self.store, args) {
            Ok(results) => Ok(results.into_iter().map(|value| self.number(value)).collect()),
            Err(Error::Trap(trap)) => Err(self.trap(&trap)),
            // The entry is a host function, and failed.
            Err(Error::Host(_)) => Err((TrapCause::HostError, vec![])),
            Err(error) => panic!("calls of programs fail by traps only: {error}"),
        }
    }

    fn trap(&self, trap: &Trap) -> (TrapCause, Vec<(FuncIndex, Pc)>) {
        let frames = trap.backtrace().frames().iter();
        let of_module = frames.filter_map(|frame| Some((FuncIndex(frame.index?), frame.pc?)));
        (trap.cause(), of_module.take(COMPARED_FRAMES).collect())
    }

    /// The value as the reference has it.
    fn number(&self, value: Val) -> u64 {
        if let Val::FuncRef(Some(func)) = value {
            let place = self.functions.iter().position(|&known| known == func);
            place.expect("a function of the program") as u64 + 1
        } else if let Val::ExternRef(Some(value)) = value {
            *value.data(&self.store).expect("of this store").downcast_ref::<u64>().expect("a number")
        } else {
            slots::from_val(value).unwrap_or(0)
        }
    }

    fn memory(&self) -> Vec<u8> {
        let memory = self.instance.memory(&self.store, "memory").expect("exported");
        memory.data(&self.store).expect("of this store").to_vec()
    }

    fn global(&mut self, index: usize) -> u64 {
        let global = self.instance.global(&self.store, &format!("g{index}")).expect("exported");
        let value = global.get(&mut self.store).expect("of this store");
        self.number(value)
    }

    fn table(&mut self, index: usize) -> Vec<u64> {
        let table = self.instance.table(&self.store, &format!("t{index}")).expect("exported");
        let len = table.len(&self.store).expect("of this store");
        (0..len)
            .map(|i| {
                let value = table.get(&mut self.store, i).expect("within the table");
                self.number(value)
            })
            .collect()
    }
}
