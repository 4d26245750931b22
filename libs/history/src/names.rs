//! Names as small numbers: ten million requests name the same few gateways.

use std::{collections::HashMap, marker::PhantomData};

/// The names of a history.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) applications: Table<u16>,
    pub(crate) versions: Table<u16>,
    pub(crate) gateways: Table<u16>,
    pub(crate) tenants: Table<u32>,
}

/// Names of one kind, and the number of each.
#[derive(Debug)]
pub(crate) struct Table<N> {
    ids: HashMap<Box<str>, usize>,
    names: Vec<Box<str>>,
    // Records often come in runs of the same name.
    last: usize,
    number: PhantomData<N>,
}

impl<N> Default for Table<N> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            names: Vec::new(),
            last: 0,
            number: PhantomData,
        }
    }
}

impl<N: TryFrom<usize> + Into<u32>> Table<N> {
    /// Returns the name's number, a new one for a new name.
    pub(crate) fn id(&mut self, name: &str) -> Result<N, String> {
        if self.names.get(self.last).is_none_or(|last| **last != *name) {
            self.last = match self.ids.get(name) {
                Some(id) => *id,
                None => {
                    let id = self.names.len();
                    self.names.push(name.into());
                    self.ids.insert(name.into(), id);
                    id
                }
            };
        }
        N::try_from(self.last).map_err(|_| format!("{name} is one name too many of its kind"))
    }

    /// Returns the name of a number that was given out.
    pub(crate) fn name(&self, id: N) -> &str {
        &self.names[id.into() as usize]
    }
}
