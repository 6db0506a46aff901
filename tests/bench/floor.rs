//! The floor of the benchmark: reads and decompresses the pages of the label columns, and nothing else.
//!
//! `floor COLUMN-PREFIX SHARD…`, with two threads.

#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Mutex;

use bytes::Bytes;
use parquet::column::page::PageReader;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::serialized_reader::SerializedPageReader;

const THREADS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let prefix = arguments.next().ok_or("no column prefix")?;
    let shards = Mutex::new(arguments.collect::<Vec<_>>());
    let work = || -> Result<usize, String> {
        let mut bytes = 0;
        loop {
            let Some(shard) = shards.lock().map_err(|cause| cause.to_string())?.pop() else {
                return Ok(bytes);
            };
            bytes += pages(&shard, &prefix).map_err(|cause| format!("{shard}: {cause}"))?;
        }
    };
    let bytes: Result<usize, String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread died".to_owned())))
            .sum()
    });
    println!("{}", bytes.map(|bytes| format!("{bytes} bytes of pages"))?);
    Ok(())
}

/// Bytes of all pages of columns that begin with `prefix`, decompressed.
fn pages(shard: &str, prefix: &str) -> Result<usize, Box<dyn Error>> {
    let mut file = File::open(shard)?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
    let mut total = 0;
    for group in metadata.row_groups() {
        let columns: Vec<_> = group
            .columns()
            .iter()
            .filter(|column| column.column_path().string().starts_with(prefix))
            .collect();
        let start = columns.iter().map(|column| column.byte_range().0).min().unwrap_or(0);
        let end =
            columns.iter().map(|column| column.byte_range().0 + column.byte_range().1).max().unwrap_or(0);
        let mut bytes = vec![0; usize::try_from(end - start)?];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut bytes)?;
        // The reader asks for offsets of the file.
        let bytes = std::sync::Arc::new(Shifted { start, bytes: bytes.into() });
        for column in columns {
            let rows = usize::try_from(group.num_rows())?;
            let mut pages = SerializedPageReader::new(std::sync::Arc::clone(&bytes), column, rows, None)?;
            while let Some(page) = pages.get_next_page()? {
                total += page.buffer().len();
            }
        }
    }
    Ok(total)
}

/// A part of a file, by the offsets of the file.
struct Shifted {
    start: u64,
    bytes: Bytes,
}

impl parquet::file::reader::Length for Shifted {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl parquet::file::reader::ChunkReader for Shifted {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(bytes::Buf::reader(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        Ok(self.from(start)?.slice(..length))
    }
}

impl Shifted {
    fn from(&self, start: u64) -> parquet::errors::Result<Bytes> {
        let at = usize::try_from(start.saturating_sub(self.start)).unwrap_or(usize::MAX);
        if at > self.bytes.len() {
            return Err(parquet::errors::ParquetError::EOF(format!("offset {start}")));
        }
        Ok(self.bytes.slice(at..))
    }
}
