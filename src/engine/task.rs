//! What counting takes beside the shards.

use std::sync::Arc;

use datafusion::prelude::SessionContext;

use crate::engine::counting::Counting;
use crate::engine::progress::Progress;
use crate::engine::session::{Limits, counting_session};
use crate::engine::spill::Spill;
use crate::error::Result;

/// Session, limits and accounts of one count.
#[derive(Clone)]
pub(crate) struct CountTask {
    pub(crate) context: SessionContext,
    pub(crate) counting: Arc<Counting>,
    pub(crate) limits: Limits,
    /// Bytes of pairs of layout `long` that one thread may hold.
    pub(crate) budget: usize,
    pub(crate) spill: Arc<Spill>,
    pub(crate) progress: Arc<Progress>,
}

impl CountTask {
    pub(crate) fn new(
        counting: &Arc<Counting>,
        limits: &Limits,
        spill: &Arc<Spill>,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        Ok(Self {
            context: counting_session(limits, spill, counting)?,
            counting: Arc::clone(counting),
            limits: limits.clone(),
            budget: limits.pool_bytes() / limits.threads.max(1),
            spill: Arc::clone(spill),
            progress: Arc::clone(progress),
        })
    }

    /// The same with one thread, which may hold what one of several may.
    pub(crate) fn on_one_thread(&self) -> Self {
        Self { limits: Limits { threads: 1, ..self.limits.clone() }, ..self.clone() }
    }

    pub(crate) fn threads(&self) -> usize {
        self.limits.threads.max(1)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use datafusion::physical_plan::{ExecutionPlan, displayable};

    use super::*;

    /// A count on two threads.
    pub(crate) fn task(counting: Counting) -> CountTask {
        let limits = Limits {
            memory: 256 << 20,
            threads: 2,
            spill_dir: None,
            spill_limit: 1 << 30,
            cluster: None,
            shared: None,
        };
        let progress = Arc::new(Progress::default());
        let spill = Spill::new(None, limits.spill_limit, Arc::clone(&progress));
        CountTask::new(&Arc::new(counting), &limits, &spill, &progress).unwrap()
    }

    /// A physical plan, with `FOLDER` for the folder of the shards and `BYTES` for their size.
    pub(crate) fn text(plan: &dyn ExecutionPlan, folder: &Path) -> String {
        let bytes = std::fs::metadata(folder.join("split=test/a.parquet")).unwrap().len();
        let text = displayable(plan).indent(false).to_string();
        text.replace(folder.display().to_string().trim_start_matches('/'), "FOLDER")
            .replace(&format!(":0..{bytes}"), ":0..BYTES")
    }
}
