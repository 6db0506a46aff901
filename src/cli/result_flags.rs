//! The flags of every verb that counts rows and writes a result.

use clap::Args;

use super::flags;
use crate::error::Result;
use crate::pipeline::spec::Spec;

/// What is counted, what is made of it, and how the run is carried out.
#[derive(Debug, Args)]
pub(super) struct ResultFlags {
    #[command(flatten)]
    counted: flags::CountFlags,
    #[command(flatten)]
    weights: flags::WeightFlags,
    #[command(flatten)]
    measured: flags::RowMeasureFlags,
    #[command(flatten)]
    told: flags::ReportFlags,
    #[command(flatten)]
    running: flags::RunFlags,
}

impl ResultFlags {
    /// Puts the flags that are given into `spec`.
    ///
    /// # Errors
    /// As [`flags::WeightFlags::put`].
    pub(super) fn put(&self, spec: &mut Spec) -> Result<()> {
        self.counted.put(spec);
        self.weights.put(spec)?;
        self.measured.put(spec);
        self.told.put(spec);
        self.running.put(spec);
        Ok(())
    }

    /// Puts the flags into `spec` that stand beside a pipeline file, too.
    pub(super) fn put_beside_file(&self, spec: &mut Spec) {
        self.running.nightly.put(spec);
    }
}
