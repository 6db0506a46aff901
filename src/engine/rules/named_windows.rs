//! Windows with a name stand where they are used: DataFusion knows them in `SELECT` lists alone, takes those of the query
//! around a subquery, and leaves out the name in `OVER (w ORDER BY x)`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, Query, Select, SetExpr, VisitorMut, WindowSpec,
    WindowType,
};

/// Windows that are made of others, one after the other.
const CHAINED_MAX: usize = 32;

/// Puts windows where their names are.
#[derive(Debug, Default)]
pub(in crate::engine) struct NamedWindows {
    /// The windows of the queries around a part, the innermost last.
    scopes: Vec<Vec<NamedWindowDefinition>>,
}

impl VisitorMut for NamedWindows {
    type Break = ();

    // ORDER BY is of the query, and uses the windows of its SELECT.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.scopes.push(match &*query.body {
            SetExpr::Select(select) => select.named_window.clone(),
            _ => Vec::new(),
        });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.scopes.push(select.named_window.clone());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let windows = self.scopes.pop().unwrap_or_default();
        // What cannot be made of another one is refused by its name.
        select.named_window.retain(|NamedWindowDefinition(name, _)| found(name, &windows, 0).is_none());
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(call) = expression else { return ControlFlow::Continue(()) };
        let windows = self.scopes.last().map(Vec::as_slice).unwrap_or_default();
        let whole = match &call.over {
            Some(WindowType::NamedWindow(name)) => found(name, windows, 0),
            Some(WindowType::WindowSpec(window)) => extended(window, windows, 0),
            None => None,
        };
        if let Some(whole) = whole {
            call.over = Some(WindowType::WindowSpec(whole));
        }
        ControlFlow::Continue(())
    }
}

/// A name as SQL reads it.
pub(in crate::engine) fn of_ident(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The window of this name.
fn found(name: &Ident, windows: &[NamedWindowDefinition], depth: usize) -> Option<WindowSpec> {
    if depth > CHAINED_MAX {
        return None;
    }
    let wanted = of_ident(name);
    let NamedWindowDefinition(_, window) = windows.iter().find(|window| of_ident(&window.0) == wanted)?;
    match window {
        NamedWindowExpr::NamedWindow(other) => found(other, windows, depth + 1),
        NamedWindowExpr::WindowSpec(window) => match window.window_name {
            None => Some(window.clone()),
            Some(_) => extended(window, windows, depth + 1),
        },
    }
}

/// A window that begins with the name of another one, which has no frame and no part that is said twice.
fn extended(window: &WindowSpec, windows: &[NamedWindowDefinition], depth: usize) -> Option<WindowSpec> {
    let first = found(window.window_name.as_ref()?, windows, depth)?;
    let is_said_twice = !window.order_by.is_empty() && !first.order_by.is_empty();
    if !window.partition_by.is_empty() || is_said_twice || first.window_frame.is_some() {
        return None;
    }
    let order_by = if window.order_by.is_empty() { first.order_by } else { window.order_by.clone() };
    let window_frame = window.window_frame.clone();
    Some(WindowSpec { window_name: None, partition_by: first.partition_by, order_by, window_frame })
}
