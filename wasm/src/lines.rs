//! Source lines: what the DWARF sections that compilers write with `-g` say about the places of a module's code. These are
//! custom sections, so that nothing in them can make a module invalid: what cannot be read is left out.
//!
//! A module without `.debug_line` costs a look at the heads of its sections.

mod dwarf;

use bytecode_spec::SourceIndex;
use wasmparser::BinaryReader;

/// Where the code of a module comes from.
pub(crate) struct Lines {
    /// Where the content of the code section starts in the module.
    code: u64,
    /// By ascending offset in that.
    rows: Vec<Row>,
    /// Rows before this one are not above the last place asked for.
    next: usize,
}

/// From `offset` on, code comes from `line` of `source`; line 0 is none.
#[derive(Clone, Copy, Debug)]
struct Row {
    offset: u32,
    source: SourceIndex,
    line: u32,
}

impl Lines {
    /// What a module says about its lines, and the names of its sources; `None` if it says nothing.
    pub(crate) fn of(module: &[u8]) -> Option<(Lines, Vec<String>)> {
        let sections = Sections::of(module)?;
        let (mut rows, sources) = dwarf::read(&sections, module.len());
        // Where a function ends another may begin, which counts. Stable, and linear when functions are in order.
        rows.sort_by_key(|row| (row.offset, row.line != 0));
        (!rows.is_empty()).then_some((Lines { code: sections.code, rows, next: 0 }, sources))
    }

    /// The line of the operator at `offset` of the module; 0 is none. Places must be asked for in ascending order.
    pub(crate) fn at(&mut self, offset: u64) -> (SourceIndex, u32) {
        let offset = offset.saturating_sub(self.code);
        while self.rows.get(self.next).is_some_and(|row| u64::from(row.offset) <= offset) {
            self.next += 1;
        }
        let row = self.next.checked_sub(1).map(|last| self.rows[last]);
        row.map_or((SourceIndex(0), 0), |row| (row.source, row.line))
    }
}

/// The sections that lines come from.
struct Sections<'a> {
    /// Custom sections whose names start with `.debug_`.
    debug: Vec<(&'a str, &'a [u8])>,
    /// Start and length of the code section's content.
    code: u64,
    code_len: u32,
}

impl<'a> Sections<'a> {
    /// Finds them by the heads of all sections; `None` without code, or lines for it.
    fn of(module: &'a [u8]) -> Option<Sections<'a>> {
        const HEADER: usize = 8;
        const CUSTOM: u8 = 0;
        const CODE: u8 = 10;
        let mut sections = Sections { debug: Vec::new(), code: 0, code_len: 0 };
        let mut reader = BinaryReader::new(module.get(HEADER..)?, HEADER as u64);
        while !reader.eof() {
            // What is wrong here is found again, and reported, when the module is translated.
            let (id, size) = (reader.read_u8().ok()?, reader.read_var_u32().ok()?);
            let start = reader.original_position();
            let mut content = BinaryReader::new(reader.read_bytes(size as usize).ok()?, start);
            if id == CODE {
                (sections.code, sections.code_len) = (start, size);
            } else if id == CUSTOM
                && let Ok(name) = content.read_string()
                && name.starts_with(".debug_")
            {
                let rest = content.bytes_remaining();
                sections.debug.push((name, content.read_bytes(rest).ok()?));
            }
        }
        (sections.code_len > 0 && !sections.debug(".debug_line").is_empty()).then_some(sections)
    }

    /// The content of a section; empty if there is none of that name.
    fn debug(&self, name: &str) -> &'a [u8] {
        self.debug.iter().find(|(found, _)| *found == name).map_or(&[], |(_, content)| content)
    }
}
