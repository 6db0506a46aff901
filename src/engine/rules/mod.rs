//! What queries and conditions mean, where DataFusion gives another answer, or none.
//!
//! ```text
//! while a statement is read       long_numbers: numbers of many digits · exact_operators: operators with wrong types
//!                                 is_distinct: what binds closer · named_windows: where they are used
//!                                 ordered_names: new columns in ORDER BY · open_slices · told_casts · using_columns
//! before expressions get a type   exact_expressions: compared, exact_decimals, exact_times, interval_parts,
//!                                 kept_calls, local_times, mixed_kinds, null_memberships, ordered_aggregates,
//!                                 own_lists, planned_wrongly, range_frames, rounded_casts, set_comparisons,
//!                                 text_arguments, time_types, whole_quotients, written_values · grouping_sets
//! when they have one              outer_types · exact_arithmetic, with decimal_arithmetic · one_nan, with interval_lengths and
//!                                 nested_order · kept_casts · nested_keys · null_safe_joins · window_keys ·
//!                                 held_rows
//! before conditions are pushed    literals_last · correlated_keys · fields_of_one_table
//! functions                       own_functions · own_windows · signed_functions · on_row · interval_scales ·
//!                                 octet_length · other_names · wide_times · zoned_times
//! ```

pub(in crate::engine) mod compared;
pub(super) mod constant_orders;
pub(in crate::engine) mod correlated_keys;
pub(in crate::engine) mod decimal_arithmetic;
pub(in crate::engine) mod exact_arithmetic;
pub(in crate::engine) mod exact_decimals;
pub(in crate::engine) mod exact_expressions;
pub(in crate::engine) mod exact_operators;
pub(in crate::engine) mod exact_times;
pub(in crate::engine) mod fields_of_one_table;
pub(in crate::engine) mod grouping_sets;
pub(in crate::engine) mod held_rows;
pub(in crate::engine) mod interval_lengths;
pub(in crate::engine) mod interval_parts;
pub(in crate::engine) mod interval_scales;
pub(in crate::engine) mod is_distinct;
pub(in crate::engine) mod kept_calls;
pub(in crate::engine) mod kept_casts;
pub(in crate::engine) mod literals_last;
pub(in crate::engine) mod local_times;
pub(in crate::engine) mod long_numbers;
pub(in crate::engine) mod mixed_kinds;
pub(in crate::engine) mod named_windows;
pub(in crate::engine) mod nested_keys;
pub(in crate::engine) mod nested_order;
pub(in crate::engine) mod null_memberships;
pub(in crate::engine) mod null_safe_joins;
pub(in crate::engine) mod octet_length;
pub(in crate::engine) mod on_row;
pub(in crate::engine) mod one_nan;
pub(in crate::engine) mod open_slices;
pub(in crate::engine) mod ordered_aggregates;
pub(in crate::engine) mod ordered_names;
pub(in crate::engine) mod other_names;
pub(in crate::engine) mod outer_types;
pub(in crate::engine) mod own_functions;
pub(in crate::engine) mod own_lists;
pub(in crate::engine) mod own_windows;
pub(in crate::engine) mod planned_wrongly;
pub(in crate::engine) mod range_frames;
pub(in crate::engine) mod rounded_casts;
pub(in crate::engine) mod set_comparisons;
pub(in crate::engine) mod signed_functions;
pub(in crate::engine) mod single_distinct;
pub(in crate::engine) mod text_arguments;
pub(in crate::engine) mod time_types;
pub(in crate::engine) mod told_casts;
pub(in crate::engine) mod using_columns;
pub(in crate::engine) mod whole_quotients;
pub(in crate::engine) mod wide_times;
pub(in crate::engine) mod window_keys;
pub(in crate::engine) mod written_values;
pub(in crate::engine) mod zoned_times;
