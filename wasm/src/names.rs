//! The name section: names of functions, their locals, and of what else the machine keeps names of. It is a custom section,
//! so that nothing in it can make a module invalid: what cannot be read, or is too long, is left out.

use bytecode_spec::limits::MAX_NAME_BYTES;
use bytecode_spec::{Import, ImportKind, Module};
use wasmparser::{BinaryReader, IndirectNameMap, Name, NameMap, NameSectionReader, Naming};

/// Names of registers that take a word even when they are empty.
const NAMES_PER_WORD: usize = size_of::<u64>() / size_of::<u32>();

/// Gives a module the names of its name section; names of locals may take as many words of memory as `budget` says.
pub(crate) fn apply(module: &mut Module, section: BinaryReader<'_>, mut budget: usize) {
    for part in NameSectionReader::new(section) {
        // Behind a part that cannot be read nothing can.
        let Ok(part) = part else { return };
        match part {
            Name::Function(names) => {
                let imported = name_imports(module, &names, |kind| matches!(kind, ImportKind::Func(_)));
                name_items(&names, imported, &mut module.functions, |function| &mut function.name);
            }
            Name::Local(functions) => name_locals(module, functions, &mut budget),
            Name::Type(names) => name_items(&names, 0, &mut module.types, |ty| &mut ty.name),
            Name::Table(names) => {
                let imported = name_imports(module, &names, |kind| matches!(kind, ImportKind::Table(_)));
                name_items(&names, imported, &mut module.tables, |table| &mut table.name);
            }
            Name::Memory(names) => {
                let imported = name_imports(module, &names, |kind| matches!(kind, ImportKind::Memory(_)));
                name_items(&names, imported, &mut module.memories, |memory| &mut memory.name);
            }
            Name::Global(names) => {
                let imported = name_imports(module, &names, |kind| matches!(kind, ImportKind::Global(_)));
                name_items(&names, imported, &mut module.globals, |global| &mut global.name);
            }
            Name::Element(names) => name_items(&names, 0, &mut module.elements, |segment| &mut segment.name),
            Name::Data(names) => name_items(&names, 0, &mut module.data, |segment| &mut segment.name),
            // The module's own name, labels, and names of what the machine does not have.
            Name::Module { .. }
            | Name::Label(_)
            | Name::Field(_)
            | Name::Tag(_)
            | Name::Parameter(_)
            | Name::TagParameter(_)
            | Name::Unknown { .. } => {}
        }
    }
}

/// Names the imports of a kind and gives their number: defined items follow them.
fn name_imports(module: &mut Module, names: &NameMap<'_>, of_kind: fn(&ImportKind) -> bool) -> usize {
    let mut imports: Vec<&mut Import> =
        module.imports.iter_mut().filter(|import| of_kind(&import.kind)).collect();
    name_items(names, 0, &mut imports, |import| &mut import.name);
    imports.len()
}

/// Names items, the first of which has the index `first`.
fn name_items<T>(names: &NameMap<'_>, first: usize, items: &mut [T], name_of: fn(&mut T) -> &mut String) {
    for naming in usable(names.clone()) {
        let item = (naming.index as usize).checked_sub(first).and_then(|index| items.get_mut(index));
        if let Some(item) = item {
            naming.name.clone_into(name_of(item));
        }
    }
}

/// The names that can be read and kept.
fn usable(names: NameMap<'_>) -> impl Iterator<Item = Naming<'_>> {
    names.into_iter().map_while(Result::ok).filter(|naming| naming.name.len() <= MAX_NAME_BYTES)
}

fn name_locals(module: &mut Module, functions: IndirectNameMap<'_>, budget: &mut usize) {
    let imported = module.imported_funcs().count();
    let mut found_names = Vec::new();
    for function in functions.into_iter().map_while(Result::ok) {
        let index = (function.index as usize).checked_sub(imported);
        let Some(found) = index.and_then(|index| module.functions.get_mut(index)) else { continue };
        let registers = found.registers.len();
        found_names.clear();
        for naming in usable(function.names) {
            // Locals are the first registers.
            let local = naming.index as usize;
            if local < registers {
                if found_names.len() <= local {
                    found_names.resize(local + 1, "");
                }
                found_names[local] = naming.name;
            }
        }
        // Registers before a named one have names, too; most may be empty.
        let Some(rest) = budget.checked_sub(found_names.len().div_ceil(NAMES_PER_WORD)) else { return };
        *budget = rest;
        found.register_names = found_names.iter().copied().collect();
    }
}
