//! Tables as this command prints them.

use comfy_table::{CellAlignment, Table, presets};

/// A table without lines, whose first columns are numbers.
pub(crate) fn plain_table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if i < numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The table's lines, without spaces at their ends.
pub(crate) fn write_lines(out: &mut String, table: &Table) {
    for line in table.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
