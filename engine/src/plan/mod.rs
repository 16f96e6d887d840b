//! A service made ready: its inputs numbered, its expressions compiled, its fitted steps built. Resolved once, when definitions are
//! loaded; a row costs no look-up of a name. The row path and the batch path are the same code over the same values.

mod batch;
mod explain;
mod input;
mod layout;
mod slot;
mod states;
mod vector;
mod view;
mod window;

pub use batch::{Batch, BatchError, Matrix};
pub use explain::{SlotTrace, StepTrace};
pub use input::{InputRow, State};
pub use layout::{Input, Layout, LayoutError, Origin};
pub use states::{RowState, RowStates};
pub use vector::{Incomplete, Plan, PlanError};
pub(crate) use view::status_of;
pub use view::{Stored, ViewReader};
pub use window::{StoredState, WindowReader};
