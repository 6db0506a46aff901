//! Rows of a matrix become columns.

use arrow::buffer::{Buffer, MutableBuffer};

/// Rows that are turned at a time: a word of bits of each column.
const TILE_ROWS: usize = 64;

/// The values of a matrix column by column, of which `matrix` has row by row, each of `width` bytes.
pub(crate) fn turned(matrix: &[u8], columns: usize, width: usize) -> Buffer {
    match width {
        1 => of_width::<1>(matrix, columns),
        2 => of_width::<2>(matrix, columns),
        4 => of_width::<4>(matrix, columns),
        _ => of_width::<8>(matrix, columns),
    }
}

fn of_width<const WIDTH: usize>(matrix: &[u8], columns: usize) -> Buffer {
    let (values, _) = matrix.as_chunks::<WIDTH>();
    let mut turned = MutableBuffer::from_len_zeroed(matrix.len());
    let (places, _) = turned.as_slice_mut().as_chunks_mut::<WIDTH>();
    let rows = values.len() / columns.max(1);
    for (tile, first) in values.chunks(TILE_ROWS * columns.max(1)).zip((0..).step_by(TILE_ROWS)) {
        for column in 0..columns {
            let from = tile[column..].iter().step_by(columns);
            places[column * rows + first..].iter_mut().zip(from).for_each(|(place, value)| *place = *value);
        }
    }
    turned.into()
}

/// The bits of a boolean matrix column by column, each in whole bytes, of which `matrix` has a byte for each value, row by row.
pub(crate) fn packed(matrix: &[u8], columns: usize) -> Buffer {
    let rows = matrix.len() / columns.max(1);
    let bytes = rows.div_ceil(8);
    let mut packed = MutableBuffer::from_len_zeroed(bytes * columns);
    // Of each column a byte after the other, for eight times as many rows.
    let mut tile = vec![0_u8; TILE_ROWS * columns];
    for (part, first) in matrix.chunks(8 * tile.len().max(1)).zip((0..).step_by(TILE_ROWS)) {
        tile.fill(0);
        let eights = part.chunks(8 * columns);
        let count = eights.len();
        for (eight, joined) in eights.zip(tile.chunks_exact_mut(columns)) {
            for (row, bit) in eight.chunks_exact(columns).zip(0..) {
                joined
                    .iter_mut()
                    .zip(row)
                    .for_each(|(joined, value)| *joined |= u8::from(*value != 0) << bit);
            }
        }
        for column in 0..columns {
            let from = tile[column..].iter().step_by(columns).take(count);
            packed[column * bytes + first..].iter_mut().zip(from).for_each(|(place, byte)| *place = *byte);
        }
    }
    packed.into()
}
