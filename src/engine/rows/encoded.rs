//! Row groups read from encoded pages.
//!
//! ```text
//! wide                     column after column into Marks, some rows at a time where they are many ─▶ Columns ─▶ Block
//! list, delimited, class   page after page ─▶ Block
//! vector                   page after page ─▶ Block
//! ```
//!
//! A chunk that pages cannot give is read as arrays, from the first row on that was not given.

use super::arrays::{read_arrays, wrong_rows};
use super::block::{Block, Members};
use super::decode::mark_column;
use super::job::{Job, Piece};
use super::read::{Hand, RowSink};
use crate::engine::scan::ahead::Reading;
use crate::engine::scan::columns::{Place, places};
use crate::engine::scan::fallback;
use crate::engine::scan::labels::{Labels, cell};
use crate::engine::scan::reads::Wanted;
use crate::error::{Error, Result};
use crate::pages::{
    Chunk, ChunkOutcome as Outcome, StoredValue as Value, mark_flat, rows_of_sets, rows_of_vectors,
};
use crate::source::layout::LayoutKind;

/// Reads a row group.
pub(super) fn read_pages<S: RowSink>(
    job: &Job,
    piece: &Piece,
    reading: Option<Reading>,
    hand: &mut Hand,
    sink: &mut S,
) -> Result<()> {
    let members = Members::All(job.group_of(piece.shard)?);
    let places = places(&job.shards[piece.shard], &job.counting.layout.labels, &job.agreed);
    let mut give = |block: &mut Block, row: u64| {
        (block.shard, block.first_row) = (piece.shard, piece.first_row + row);
        block.members = members.clone();
        if job.is_off(piece) {
            return Err(Error::internal("reading rows was stopped"));
        }
        job.progress.add(block.rows() as u64);
        sink.take(block)
    };
    let reading = match reading {
        Some(reading) => reading,
        None => job.reading(piece, &places, job.ahead)?,
    };
    if job.counting.layout.kind == LayoutKind::Wide {
        return read_wide(job, piece, (&places, reading), hand, &mut give);
    }
    let at = |error: Error| {
        error.at(format!("{}: column {:?}", job.shards[piece.shard].name, job.counting.layout.labels[0]))
    };
    let (from, why) = match places[0] {
        Place::Leaf { leaf, .. } => {
            let mut given = 0;
            match read_column(job, piece, (leaf, reading), hand, &mut given, &mut give).map_err(at)? {
                Outcome::Counted(()) => {
                    hand.tried[0].encoded += 1;
                    return Ok(());
                }
                Outcome::Unsupported(why) => (given, why),
            }
        }
        Place::Arrays { why, .. } => (0, why.to_owned()),
        Place::Absent => (0, "a shard does not have it".to_owned()),
    };
    hand.tried[0].fell_back(why);
    read_arrays(job, piece, hand, usize::try_from(from).unwrap_or(usize::MAX), sink)
}

/// Reads the one label column, and says how many rows were given.
fn read_column(
    job: &Job,
    piece: &Piece,
    (leaf, mut reading): (usize, Reading),
    hand: &mut Hand,
    given: &mut u64,
    give: &mut dyn FnMut(&mut Block, u64) -> Result<()>,
) -> Result<Outcome<()>> {
    let counting = &*job.counting;
    if counting.layout.kind == LayoutKind::Vector && !counting.overrides.is_empty() {
        return Ok(Outcome::Unsupported("labels have values of their own".to_owned()));
    }
    let shard = &job.shards[piece.shard];
    let metadata = shard.metadata.row_group(piece.group);
    let Hand { buffer, workspace, interner, block, .. } = hand;
    let Some((_, bytes)) = reading.next(shard, buffer)? else {
        return Err(Error::internal("a column that is nowhere"));
    };
    job.progress.add_bytes(bytes.len() as u64);
    let chunk = Chunk { bytes: &bytes, meta: metadata.column(leaf), rows: piece.rows };
    let mut sets = std::mem::take(&mut block.sets);
    let mut take = |sets: &mut crate::label_sets::LabelSets| {
        let first = *given;
        *given += sets.rows() as u64;
        std::mem::swap(&mut block.sets, sets);
        let taken = give(block, first);
        std::mem::swap(&mut block.sets, sets);
        taken
    };
    let outcome = if counting.layout.kind == LayoutKind::Vector {
        let cell = |value: Value<'_>| cell(&counting.domain, value);
        rows_of_vectors(&chunk, workspace, &cell, job.labels, &mut sets, &mut take)
    } else {
        let mut meaning = Labels { counting, interner };
        rows_of_sets(&chunk, workspace, &mut meaning, job.labels, &mut sets, &mut take)
    };
    block.sets = sets;
    outcome
}

fn read_wide(
    job: &Job,
    piece: &Piece,
    (places, reading): (&[Place], Reading),
    hand: &mut Hand,
    give: &mut dyn FnMut(&mut Block, u64) -> Result<()>,
) -> Result<()> {
    let rows = usize::try_from(piece.rows).map_err(|_| Error::resource("a row group of 2^64 rows"))?;
    // Where nothing is known of any row, marks take twice as much.
    let most = (job.budget / job.labels.max(1) / 2 * 8 / 64).max(1) * 64;
    let mut first_reading = Some(reading);
    for first in (0..rows).step_by(most) {
        let now = most.min(rows - first);
        hand.columns.clear(job.labels, now);
        let reading = match first_reading.take() {
            Some(reading) => reading,
            None => job.reading(piece, places, job.ahead)?,
        };
        mark_columns(job, piece, (places, reading), hand, first / 64)?;
        let Hand { columns, block, .. } = hand;
        columns.rows(now, block, |block, row| give(block, (first + row) as u64))?;
    }
    Ok(())
}

/// Marks all label columns, from word `from` on.
fn mark_columns(
    job: &Job,
    piece: &Piece,
    (places, mut reading): (&[Place], Reading),
    hand: &mut Hand,
    from: usize,
) -> Result<()> {
    let shard = &job.shards[piece.shard];
    let metadata = shard.metadata.row_group(piece.group);
    let at = |error: Error, column: usize| {
        error.at(format!("{}: column {:?}", shard.name, job.counting.layout.labels[column]))
    };
    let mut arrays = Vec::new();
    for (column, place) in places.iter().enumerate() {
        match *place {
            Place::Absent => hand.columns.put_absent(column),
            Place::Arrays { root, why } => arrays.push((column, root, why.to_owned())),
            Place::Leaf { .. } => {}
        }
    }
    let Hand { buffer, workspace, marks, columns, tried, .. } = &mut *hand;
    while let Some((read, bytes)) = reading.next(shard, buffer)? {
        if job.is_off(piece) {
            return Err(Error::internal("reading rows was stopped"));
        }
        job.progress.add_bytes(bytes.len() as u64);
        for (Wanted { column, leaf }, range) in &read.chunks {
            let meta = metadata.column(*leaf);
            let chunk = Chunk { bytes: &bytes[range.clone()], meta, rows: piece.rows };
            let domain = job.counting.domain(*column);
            let outcome = mark_flat(&chunk, workspace, &|value| cell(domain, value), marks);
            match outcome.map_err(|error| at(error, *column))? {
                Outcome::Counted(()) => {
                    columns.put(*column, marks, from);
                    tried[*column].encoded += u64::from(from == 0);
                }
                Outcome::Unsupported(why) => {
                    if let Place::Leaf { root, .. } = places[*column] {
                        arrays.push((*column, root, why));
                    }
                }
            }
        }
    }
    for (column, root, why) in arrays {
        let Hand { marks, columns, tried, .. } = hand;
        if from == 0 {
            tried[column].fell_back(why);
        }
        let name = &job.counting.layout.labels[column];
        let field = job.agreed.field_with_name(name).map_err(|cause| Error::internal(cause.to_string()))?;
        marks.clear(usize::try_from(piece.rows).unwrap_or(usize::MAX));
        let mut row = 0;
        let read = fallback::arrays(shard, piece.group, root, field.data_type(), |array| {
            mark_column(&array, column, &job.counting, row, marks)?;
            row += array.len();
            Ok(())
        });
        read.map_err(|error| at(error, column))?;
        if row as u64 != piece.rows {
            return Err(wrong_rows(job, piece, row as u64));
        }
        columns.put(column, marks, from);
    }
    Ok(())
}
