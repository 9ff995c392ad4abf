//! How large a module may be. The verifier refuses by name what is larger.

/// Bytes of an encoded module.
pub const MAX_MODULE_BYTES: usize = 1 << 30;
/// Types, imports, functions, globals, exports, segments: each.
pub const MAX_ITEMS: usize = 1_000_000;
/// Tables.
pub const MAX_TABLES: usize = 1_000;
/// Memories.
pub const MAX_MEMORIES: usize = 1;
/// Parameters of a function, and results.
pub const MAX_PARAMS: usize = 1_000;
/// Registers of a function.
pub const MAX_REGISTERS: usize = 65_535;
/// Words of a function's code, so that every displacement fits.
pub const MAX_CODE_WORDS: usize = 1 << 28;
/// Bytes of a name.
pub const MAX_NAME_BYTES: usize = 100_000;
/// Pages of a memory: all that 32 bits address.
pub const MAX_PAGES: u32 = 65_536;
/// Bytes of a page.
pub const PAGE_SIZE: usize = 65_536;
/// Elements of a table.
pub const MAX_TABLE_ELEMENTS: u32 = 10_000_000;
