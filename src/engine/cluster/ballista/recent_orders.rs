//! Orders that were sent or that came last, with their bytes. All tasks of a job have the same, in which there may be the
//! names of millions of labels.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::order::PieceOrder;
use crate::error::Result;

/// How many are kept: a job has two at most.
const KEPT: usize = 4;

/// An order and its bytes.
type RecentOrder = (Arc<PieceOrder>, Arc<[u8]>);

#[derive(Debug, Default)]
pub(super) struct RecentOrders(Mutex<VecDeque<RecentOrder>>);

impl RecentOrders {
    /// The order of these bytes.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Arc<PieceOrder>> {
        if let Some((order, _)) = self.kept().iter().find(|(_, known)| **known == *bytes) {
            return Ok(Arc::clone(order));
        }
        let order = Arc::new(PieceOrder::read(bytes)?);
        self.keep(&order, &bytes.into());
        Ok(order)
    }

    /// The bytes of this order.
    pub(super) fn write(&self, order: &Arc<PieceOrder>) -> Result<Arc<[u8]>> {
        if let Some((_, bytes)) = self.kept().iter().find(|(known, _)| Arc::ptr_eq(known, order)) {
            return Ok(Arc::clone(bytes));
        }
        let bytes = order.write()?.into();
        self.keep(order, &bytes);
        Ok(bytes)
    }

    fn keep(&self, order: &Arc<PieceOrder>, bytes: &Arc<[u8]>) {
        let mut kept = self.kept();
        kept.truncate(KEPT - 1);
        kept.push_front((Arc::clone(order), Arc::clone(bytes)));
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<RecentOrder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::datatypes::Schema;

    use super::*;
    use crate::engine::cluster::ballista::order::PieceOutput;
    use crate::engine::counting::Keys;
    use crate::engine::counting::tests::counting;
    use crate::source::layout::LayoutKind;

    fn order(parts: usize) -> Arc<PieceOrder> {
        Arc::new(PieceOrder {
            output: PieceOutput::Counts { parts },
            counting: Arc::new(counting(LayoutKind::List, &["tags"], Keys::Indices(Some(7)))),
            schema: Arc::new(Schema::empty()),
            hive: Vec::new(),
            folder_types: BTreeMap::new(),
        })
    }

    #[test]
    fn an_order_is_written_and_read_once_for_all_tasks() {
        let (of_client, of_executor) = (RecentOrders::default(), RecentOrders::default());
        let orders: Vec<_> = (1..=KEPT).map(order).collect();
        let bytes: Vec<_> = orders.iter().map(|order| of_client.write(order).unwrap()).collect();
        let read: Vec<_> = bytes.iter().map(|bytes| of_executor.read(bytes).unwrap()).collect();
        for ((order, bytes), read) in orders.iter().zip(&bytes).zip(&read) {
            assert!(Arc::ptr_eq(&of_client.write(order).unwrap(), bytes));
            assert!(Arc::ptr_eq(&of_executor.read(bytes).unwrap(), read));
            assert_eq!(of_executor.write(read).unwrap(), *bytes);
            assert_eq!(format!("{read:?}"), format!("{order:?}"));
        }
        of_executor.read(&of_client.write(&order(99)).unwrap()).unwrap();
        assert!(!Arc::ptr_eq(&of_executor.read(&bytes[0]).unwrap(), &read[0]));
        assert!(of_executor.read(b"other").is_err());
    }
}
