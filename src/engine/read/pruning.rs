//! Row groups that no row of which can meet the condition, by their statistics and folders.
//!
//! Statistics are asked only what follows from the bounds of a column: comparisons with values, of the column or of a cast
//! of it that [keeps its order](keeps_order). Each such cast is a column of its own, with its own bounds. All other parts
//! of a condition may hold anywhere.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, ExprSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{InList, Like};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator, TryCast, ident, lit};
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::prelude::SessionContext;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use crate::engine::dataset::hive_value;
use crate::engine::rules::kept_casts::keeps_order;
use crate::engine::rules::one_nan::{is_nan, is_plain_call, plain_bounds, plain_value};
use crate::source::shards::Shard;

/// Most values that statistics are asked for one by one.
const LISTED_MAX: usize = 20;

/// What statistics have to say for a row group to be read.
#[derive(Debug)]
pub(super) struct Pruning {
    predicate: Arc<PruningPredicate>,
    bounded: Vec<Bounded>,
}

/// A column, and the types that its values are cast to, one after the other; the first is its own.
#[derive(Debug, PartialEq)]
struct Bounded {
    column: String,
    types: Vec<DataType>,
}

impl Bounded {
    /// The type of what is compared.
    fn data_type(&self) -> &DataType {
        self.types.last().unwrap_or(&DataType::Null)
    }
}

impl Pruning {
    /// For a condition on columns of `schema`; `None` where no statistics can answer it.
    pub(super) fn of(
        context: &SessionContext,
        condition: &Expr,
        schema: &DFSchema,
    ) -> DfResult<Option<Self>> {
        let mut asked = Answerable { schema, bounded: Vec::new() };
        let condition = asked.ask(condition);
        let fields = asked.bounded.iter().enumerate();
        let fields = fields.map(|(at, one)| Field::new(at.to_string(), one.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let of_bounds = DFSchema::try_from(Arc::clone(&schema))?;
        let condition = context.state().create_physical_expr(condition, &of_bounds)?;
        let predicate = PruningPredicateBuilder::new().with_file_schema(schema).build(condition);
        Ok(predicate.map(|predicate| Self { predicate, bounded: asked.bounded }))
    }

    /// Whether a row of a row group may meet the condition.
    pub(super) fn may_hold(&self, shard: &Shard, group: usize) -> bool {
        let statistics =
            GroupStatistics { shard, group: shard.metadata.row_group(group), bounded: &self.bounded };
        self.predicate.prune(&statistics).map_or(true, |kept| kept.contains(&true))
    }
}

/// The parts of a condition that are asked of statistics.
struct Answerable<'a> {
    schema: &'a DFSchema,
    bounded: Vec<Bounded>,
}

impl Answerable<'_> {
    /// A condition on bounds that holds wherever `condition` holds.
    fn ask(&mut self, condition: &Expr) -> Expr {
        self.known(condition).unwrap_or_else(|| lit(true))
    }

    fn known(&mut self, condition: &Expr) -> Option<Expr> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Some(self.ask(left).and(self.ask(right)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Some(self.ask(left).or(self.ask(right)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
                (side, Expr::Literal(value, _)) => self.compared(side, *op, value),
                (Expr::Literal(value, _), side) => self.compared(side, op.swap()?, value),
                _ => None,
            },
            Expr::InList(InList { expr, list, negated: false }) if list.len() <= LISTED_MAX => {
                let equal = list.iter().map(|one| match one {
                    Expr::Literal(value, _) => self.compared(expr, Operator::Eq, value),
                    _ => None,
                });
                equal.collect::<Option<Vec<_>>>()?.into_iter().reduce(Expr::or)
            }
            Expr::Like(like) if !like.negated && !like.case_insensitive && like.escape_char.is_none() => {
                let Expr::Literal(value, _) = &*like.pattern else { return None };
                let side = bounded(&like.expr, self.schema)?;
                (side.data_type() == &value.data_type()).then_some(())?;
                Some(Expr::Like(Like { expr: Box::new(self.column(side)), ..like.clone() }))
            }
            Expr::IsNull(side) => Some(self.of_column(side)?.is_null()),
            Expr::IsNotNull(side) => Some(self.of_column(side)?.is_not_null()),
            Expr::Not(side) => Some(Expr::Not(Box::new(self.of_column(side)?))),
            side => self.of_column(side),
        }
    }

    /// A comparison with a value of the same type. Statistics leave NaN out, which is above all numbers.
    fn compared(&mut self, side: &Expr, op: Operator, value: &ScalarValue) -> Option<Expr> {
        let side = bounded(side, self.schema)?;
        let has_nan = side.types.first().is_none_or(DataType::is_floating);
        let answers = match op {
            Operator::Eq | Operator::Lt | Operator::LtEq => true,
            Operator::NotEq | Operator::Gt | Operator::GtEq => !has_nan,
            _ => false,
        };
        (answers && !is_nan(value) && side.data_type() == &value.data_type()).then(|| {
            let (left, right) = (Box::new(self.column(side)), Box::new(lit(plain_value(value.clone()))));
            Expr::BinaryExpr(BinaryExpr { left, op, right })
        })
    }

    /// A column without a cast.
    fn of_column(&mut self, side: &Expr) -> Option<Expr> {
        let Expr::Column(_) = side else { return None };
        bounded(side, self.schema).map(|side| self.column(side))
    }

    /// The column with these bounds.
    fn column(&mut self, side: Bounded) -> Expr {
        let at = self.bounded.iter().position(|known| *known == side).unwrap_or_else(|| {
            self.bounded.push(side);
            self.bounded.len() - 1
        });
        ident(at.to_string())
    }
}

/// A column, or a cast of one that keeps its order.
fn bounded(side: &Expr, schema: &DFSchema) -> Option<Bounded> {
    match side {
        Expr::Column(column) => {
            let of = schema.data_type(column).ok()?;
            (!of.is_nested()).then(|| Bounded { column: column.name.clone(), types: vec![of.clone()] })
        }
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            let mut inner = bounded(expr, schema)?;
            keeps_order(inner.data_type(), field.data_type()).then(|| {
                inner.types.push(field.data_type().clone());
                inner
            })
        }
        Expr::ScalarFunction(call) if is_plain_call(side) => bounded(call.args.first()?, schema),
        _ => None,
    }
}

/// The statistics of one row group.
struct GroupStatistics<'a> {
    shard: &'a Shard,
    group: &'a RowGroupMetaData,
    bounded: &'a [Bounded],
}

impl GroupStatistics<'_> {
    fn asked(&self, column: &Column) -> Option<&Bounded> {
        self.bounded.get(column.name.parse::<usize>().ok()?)
    }

    /// A bound of a column of the file, or the value of its folder, as what is compared.
    fn bound(
        &self,
        column: &Column,
        of: impl Fn(&StatisticsConverter<'_>) -> parquet::errors::Result<ArrayRef>,
    ) -> Option<ArrayRef> {
        let asked = self.asked(column)?;
        let mut bound: ArrayRef = match self.shard.schema.field_with_name(&asked.column) {
            Ok(field) => {
                let wanted = asked.types.first()?;
                if field.data_type() != wanted && !keeps_order(field.data_type(), wanted) {
                    return None;
                }
                of(&self.converter(asked)?).ok()?
            }
            Err(_) => Arc::new(StringArray::from(vec![hive_value(self.shard, &asked.column)?])),
        };
        for to in &asked.types {
            bound = plain_bounds(&cast(&bound, to).ok()?).ok()?;
        }
        Some(bound)
    }

    /// The statistics of a column, if they are in the order of its type.
    fn converter<'a>(&'a self, asked: &'a Bounded) -> Option<StatisticsConverter<'a>> {
        let descriptor = self.shard.metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(&asked.column, &self.shard.schema, descriptor).ok()?;
        let chunk = converter.parquet_column_index().map(|leaf| self.group.column(leaf));
        // Those of old writers compare bytes and numbers without sign in another order.
        let is_old =
            chunk.and_then(|chunk| chunk.statistics()).is_some_and(Statistics::is_min_max_deprecated);
        (!is_old).then(|| converter.with_missing_null_counts_as_zero(false))
    }
}

impl PruningStatistics for GroupStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |converter| converter.row_group_mins([self.group]))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |converter| converter.row_group_maxes([self.group]))
    }

    fn num_containers(&self) -> usize {
        1
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let converter = self.converter(self.asked(column)?)?;
        Some(Arc::new(converter.row_group_null_counts([self.group]).ok()?))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = u64::try_from(self.group.num_rows()).ok()?;
        Some(Arc::new(UInt64Array::from(vec![rows])))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
