//! Decompression into a buffer of the promised length.
//!
//! The Parquet crate makes a new compressor and decompressor for every column chunk, which can take
//! longer than decompressing a rare label's pages. Here each thread keeps its own, and no input makes
//! them write more than its page header promised.

use std::fmt;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;

use crate::guard::guarded;
use crate::pages::outcome::{Step, corrupt, unsupported};

/// The codecs read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageCodec {
    Uncompressed,
    Zstd,
    Snappy,
    Lz4,
    Gzip,
}

impl PageCodec {
    pub(crate) fn of(compression: Compression) -> Step<Self> {
        match compression {
            Compression::UNCOMPRESSED => Ok(Self::Uncompressed),
            Compression::ZSTD(_) => Ok(Self::Zstd),
            Compression::SNAPPY => Ok(Self::Snappy),
            Compression::LZ4_RAW => Ok(Self::Lz4),
            Compression::GZIP(_) => Ok(Self::Gzip),
            other => unsupported(format!("codec {other:?}")),
        }
    }
}

/// The decompressors of one thread.
pub(super) struct Decompressors {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    snappy: snap::raw::Decoder,
}

impl Default for Decompressors {
    fn default() -> Self {
        Self { zstd: None, snappy: snap::raw::Decoder::new() }
    }
}

impl fmt::Debug for Decompressors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressors").finish_non_exhaustive()
    }
}

impl Decompressors {
    /// Decompresses `body` so that it fills `out`, no less and no more.
    pub(crate) fn fill(&mut self, codec: PageCodec, body: &[u8], out: &mut [u8]) -> Step<()> {
        // A page without values may lack even the frame of its codec.
        if out.is_empty() {
            return Ok(());
        }
        match guarded(|| self.decompress(codec, body, out)) {
            Some(Ok(written)) if written == out.len() => Ok(()),
            Some(Ok(written)) => {
                Err(corrupt(format!("a page decompresses to {written} bytes, its header says {}", out.len())))
            }
            Some(Err(cause)) => Err(corrupt(format!("a page does not decompress: {cause}"))),
            None => Err(corrupt(format!("a page makes the {codec:?} decompressor panic"))),
        }
    }

    fn decompress(&mut self, codec: PageCodec, body: &[u8], out: &mut [u8]) -> Result<usize, String> {
        let text = |cause: &dyn fmt::Display| cause.to_string();
        match codec {
            PageCodec::Uncompressed => {
                let bytes = body.get(..out.len()).ok_or("it is shorter than its header says")?;
                out.copy_from_slice(bytes);
                Ok(out.len())
            }
            PageCodec::Zstd => {
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    none => none.insert(zstd::bulk::Decompressor::new().map_err(|cause| text(&cause))?),
                };
                zstd.decompress_to_buffer(body, out).map_err(|cause| text(&cause))
            }
            PageCodec::Snappy => self.snappy.decompress(body, out).map_err(|cause| text(&cause)),
            PageCodec::Lz4 => lz4_flex::block::decompress_into(body, out).map_err(|cause| text(&cause)),
            PageCodec::Gzip => gunzip(body, out).map_err(|cause| text(&cause)),
        }
    }
}

/// Fills `out` from one or several gzip members; a byte beyond is counted, not kept.
fn gunzip(body: &[u8], out: &mut [u8]) -> std::io::Result<usize> {
    let mut members = MultiGzDecoder::new(body);
    members.read_exact(out)?;
    Ok(out.len() + members.read(&mut [0])?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"0000000000000000000000000000000000000000000000010000000000000000";

    fn compressed() -> [(PageCodec, Vec<u8>); 4] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(TEXT).unwrap();
        [
            (PageCodec::Zstd, zstd::bulk::compress(TEXT, 1).unwrap()),
            (PageCodec::Snappy, snap::raw::Encoder::new().compress_vec(TEXT).unwrap()),
            (PageCodec::Lz4, lz4_flex::block::compress(TEXT)),
            (PageCodec::Gzip, gzip.finish().unwrap()),
        ]
    }

    #[test]
    fn a_page_fills_its_buffer_exactly() {
        let mut decompressors = Decompressors::default();
        for (codec, body) in compressed() {
            let mut out = [0; TEXT.len()];
            decompressors.fill(codec, &body, &mut out).unwrap();
            assert_eq!(out, TEXT, "{codec:?}");
            for wrong in [TEXT.len() - 1, TEXT.len() + 1] {
                let refused = decompressors.fill(codec, &body, &mut vec![0; wrong]);
                assert!(refused.is_err(), "{codec:?} filled {wrong} bytes");
            }
            assert!(
                decompressors.fill(codec, &body[..body.len() / 2], &mut out).is_err(),
                "{codec:?} cut in half"
            );
        }
    }
}
