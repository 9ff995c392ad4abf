//! DWARF to rows: runs the line programs of `.debug_line`, each once and in the order in which they lie there, whoever
//! refers to them, so that time is linear in the size of the section. Addresses are offsets in the content of the code
//! section. Versions 2 to 5 are known.

use std::collections::HashMap;

use bytecode_spec::SourceIndex;
use bytecode_spec::limits::{MAX_ITEMS, MAX_NAME_BYTES};
use gimli::{
    AttributeValue, DebugAbbrev, DebugAbbrevOffset, DebugLineOffset, Dwarf, EndianSlice, LineProgramHeader,
    LineRow, LittleEndian, Reader, Section, UnitHeader, constants,
};

use super::{Row, Sections};

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Bytes of an address where DWARF does not say: those of WebAssembly with 32-bit addresses.
const ADDRESS_SIZE: u8 = 4;
/// Line programs with a larger head, which lists files, are left out: read, it takes more than a hundred times the memory.
const MAX_HEAD_BYTES: usize = 1 << 17;
/// Units whose first entry has more attributes are left out.
const MAX_UNIT_ATTRIBUTES: usize = 64;
/// Bytes of file and directory names that are read of every module, and as many more for each byte of it: many files may
/// share one very long name of a directory.
const BASE_NAMES: usize = 1 << 20;
const NAMES_PER_BYTE: usize = 4;

/// The rows of all functions that there are, and the sources that they name. `module` is the size of the module.
pub(super) fn read(sections: &Sections<'_>, module: usize) -> (Vec<Row>, Vec<String>) {
    let load = |id: gimli::SectionId| {
        Ok::<_, std::convert::Infallible>(EndianSlice::new(sections.debug(id.name()), LittleEndian))
    };
    let Ok(dwarf) = Dwarf::load(load);
    let budget = BASE_NAMES + NAMES_PER_BYTE * module;
    let directories = Names { dwarf: &dwarf, budget }.directories();
    let names = Names { dwarf: &dwarf, budget };
    let code_len = sections.code_len;
    let mut collector =
        Collector { code_len, names, rows: Vec::new(), sources: Vec::new(), indices: HashMap::new() };
    collector.programs(&directories);
    (collector.rows, collector.sources)
}

struct Collector<'d, 'a> {
    code_len: u32,
    names: Names<'d, 'a>,
    rows: Vec<Row>,
    sources: Vec<String>,
    indices: HashMap<String, SourceIndex>,
}

impl<'a> Collector<'_, 'a> {
    /// Runs all line programs, given directories of compilation by their places.
    fn programs(&mut self, directories: &HashMap<usize, Slice<'a>>) {
        let section = *self.names.dwarf.debug_line.reader();
        let mut rest = section;
        while !rest.is_empty() {
            let offset = rest.offset_from(section);
            let Ok((length, format)) = rest.read_initial_length() else { return };
            let Ok(unit) = rest.split(length) else { return };
            if head_bytes(unit, format).is_ok_and(|bytes| bytes <= MAX_HEAD_BYTES) {
                let ended = self.rows.len();
                let ended = self.program(offset, directories.get(&offset).copied()).unwrap_or(ended);
                // What does not end is not to be trusted.
                self.rows.truncate(ended);
            }
        }
    }

    /// Runs the line program at `offset` of the section. Gives how many rows end with the end of a function.
    fn program(&mut self, offset: usize, directory: Option<Slice<'a>>) -> Option<usize> {
        let dwarf = self.names.dwarf;
        let program =
            dwarf.debug_line.program(DebugLineOffset(offset), ADDRESS_SIZE, directory, None).ok()?;
        let mut rows = program.rows();
        let mut files = HashMap::new();
        // Of the function at hand.
        let mut start = self.rows.len();
        let (mut first, mut alive) = (true, true);
        while let Ok(Some((header, row))) = rows.next_row() {
            if first {
                // Linkers move what they drop to where nothing can be: functions follow their number and size.
                alive = row.address() != 0;
            }
            first = row.end_sequence();
            let address = u32::try_from(row.address()).ok().filter(|&address| address <= self.code_len);
            match address {
                Some(offset) if alive => {
                    let (source, line) = self.place(header, row, &mut files);
                    self.push(start, Row { offset, source, line });
                }
                _ => alive = false,
            }
            if row.end_sequence() {
                if !alive {
                    self.rows.truncate(start);
                }
                start = self.rows.len();
            }
        }
        Some(start)
    }

    /// Appends a row of the function whose rows start at `start`.
    fn push(&mut self, start: usize, row: Row) {
        match &mut self.rows[start..] {
            [.., last] if last.offset == row.offset => *last = row,
            [.., last] if (last.source, last.line) == (row.source, row.line) => {}
            _ => self.rows.push(row),
        }
    }

    /// The source and line of a row; line 0 is none.
    fn place(
        &mut self,
        header: &LineProgramHeader<Slice<'a>>,
        row: &LineRow,
        files: &mut HashMap<u64, Option<SourceIndex>>,
    ) -> (SourceIndex, u32) {
        let line = row.line().and_then(|line| u32::try_from(line.get()).ok()).filter(|_| !row.end_sequence());
        let file = row.file_index();
        let mut find = || {
            let name = self.names.file(header, file)?;
            self.source(name)
        };
        let source = line.and_then(|_| *files.entry(file).or_insert_with(&mut find));
        match (source, line) {
            (Some(source), Some(line)) => (source, line),
            _ => (SourceIndex(0), 0),
        }
    }

    fn source(&mut self, name: String) -> Option<SourceIndex> {
        if name.len() > MAX_NAME_BYTES || self.sources.len() >= MAX_ITEMS {
            return None;
        }
        Some(*self.indices.entry(name).or_insert_with_key(|name| {
            self.sources.push(name.clone());
            SourceIndex(self.sources.len() as u32 - 1)
        }))
    }
}

/// The length of a line program's head, as far as it may be long.
fn head_bytes(mut unit: Slice<'_>, format: gimli::Format) -> gimli::Result<usize> {
    if unit.read_u16()? >= 5 {
        // Sizes of an address and of a segment selector.
        unit.skip(2)?;
    }
    unit.read_length(format)
}

/// Names of files and directories.
struct Names<'d, 'a> {
    dwarf: &'d Dwarf<Slice<'a>>,
    /// Bytes that may still be read.
    budget: usize,
}

impl<'a> Names<'_, 'a> {
    /// The name of a file: relative to the directory of compilation if it is below that, else as it stands.
    fn file(&mut self, header: &LineProgramHeader<Slice<'a>>, file: u64) -> Option<String> {
        let entry = header.file(file)?;
        let name = self.string(entry.path_name())?;
        let mut path = String::new();
        if !is_absolute(&name) && entry.directory_index() != 0 {
            path = self.string(entry.directory(header)?)?;
        }
        join(&mut path, &name);
        if is_absolute(&path)
            && let Some(base) = header.directory(0)
            && let Some(base) = self.string(base)
            && let Some(below) = path.strip_prefix(base.trim_end_matches('/'))
            && let Some(below) = below.strip_prefix('/')
        {
            path = below.to_owned();
        }
        while let Some(rest) = path.strip_prefix("./") {
            path = rest.to_owned();
        }
        Some(path)
    }

    fn string(&mut self, value: AttributeValue<Slice<'a>>) -> Option<String> {
        Some(self.bytes(value)?.to_string_lossy().into_owned())
    }

    fn bytes(&mut self, value: AttributeValue<Slice<'a>>) -> Option<Slice<'a>> {
        // To find the end of a string takes as long as it is.
        if self.budget == 0 {
            return None;
        }
        let bytes = self.dwarf.attr_line_string(value).ok()?;
        let rest = self.budget.checked_sub(bytes.len());
        self.budget = rest.unwrap_or(0);
        rest.map(|_| bytes)
    }

    /// Directories of compilation by the offset of the line program. Before version 5 only `.debug_info` has them.
    fn directories(&mut self) -> HashMap<usize, Slice<'a>> {
        let mut directories = HashMap::new();
        let mut units = self.dwarf.units();
        while let Ok(Some(unit)) = units.next() {
            if unit.version() < 5 {
                directories.extend(self.directory(&unit));
            }
        }
        directories
    }

    fn directory(&mut self, unit: &UnitHeader<Slice<'a>>) -> Option<(usize, Slice<'a>)> {
        let declaration = first_declaration(self.dwarf, unit.debug_abbrev_offset())?;
        let abbreviations =
            DebugAbbrev::new(&declaration, LittleEndian).abbreviations(DebugAbbrevOffset(0)).ok()?;
        let mut entries = unit.entries(&abbreviations);
        let root = entries.next_dfs().ok()??;
        let AttributeValue::DebugLineRef(program) = root.attr_value(constants::DW_AT_stmt_list)? else {
            return None;
        };
        Some((program.0, self.bytes(root.attr_value(constants::DW_AT_comp_dir)?)?))
    }
}

/// The first declaration of an abbreviation table, as a table of its own: that of a unit's first entry. Reading whole tables
/// would take long where many units share one.
fn first_declaration(dwarf: &Dwarf<Slice<'_>>, offset: DebugAbbrevOffset) -> Option<Vec<u8>> {
    let mut table = *dwarf.debug_abbrev.reader();
    table.skip(offset.0).ok()?;
    let mut rest = table;
    // Code, tag, children.
    rest.skip_leb128().ok()?;
    rest.skip_leb128().ok()?;
    rest.read_u8().ok()?;
    for _ in 0..=MAX_UNIT_ATTRIBUTES {
        let (name, form) = (rest.read_uleb128().ok()?, rest.read_uleb128().ok()?);
        if form == u64::from(constants::DW_FORM_implicit_const.0) {
            rest.skip_leb128().ok()?;
        }
        if (name, form) == (0, 0) {
            let len = rest.offset_from(table);
            return Some([&table.slice()[..len], &[0]].concat());
        }
    }
    None
}

fn is_absolute(path: &str) -> bool {
    let drive = |path: &str| path.as_bytes().get(1) == Some(&b':');
    path.starts_with(['/', '\\']) || drive(path)
}

fn join(path: &mut String, name: &str) {
    if !path.is_empty() && !path.ends_with(['/', '\\']) {
        path.push('/');
    }
    path.push_str(name);
}
