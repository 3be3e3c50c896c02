//! Pages taken apart to be changed, and the operations that change them.
//! Values only: nothing is read or written here.

use super::page::{Element, Page};

/// One operation on a tree.
#[derive(Clone, Copy)]
pub(super) struct Op<'n> {
    pub key: &'n [u8],
    pub value: Option<&'n [u8]>,
    pub flags: u32,
}

impl<'n> Op<'n> {
    pub fn element(&self) -> Option<Element<'n>> {
        self.value.map(|value| Element {
            flags: self.flags,
            pgid: 0,
            key: self.key,
            value,
        })
    }
}

/// A page taken apart to be changed.
pub(super) struct Node<'n> {
    /// Whether it grew at its end, so that more is to be expected there.
    pub grows: bool,
    pub body: Body<'n>,
}

pub(super) enum Body<'n> {
    Leaf(Vec<Element<'n>>),
    Branch(Vec<Kid<'n>>),
    /// A branch that stays as it is but for the page numbers of some children, by index: most of all.
    Patched {
        page: Page<&'n [u8]>,
        first: &'n [u8],
        patches: Vec<(usize, Node<'n>)>,
    },
}

/// A child of a branch: as it was, or changed and not yet written.
pub(super) enum Kid<'n> {
    Clean { key: &'n [u8], pgid: u64 },
    Dirty(Node<'n>),
}

impl<'n> Node<'n> {
    pub fn leaf(grows: bool, elements: Vec<Element<'n>>) -> Node<'n> {
        Node {
            grows,
            body: Body::Leaf(elements),
        }
    }

    pub fn is_empty(&self) -> bool {
        match &self.body {
            Body::Leaf(elements) => elements.is_empty(),
            Body::Branch(kids) => kids.is_empty(),
            Body::Patched { .. } => false,
        }
    }

    pub fn first_key(&self) -> &'n [u8] {
        match &self.body {
            Body::Leaf(elements) => elements.first().map_or(&[], |e| e.key),
            Body::Branch(kids) => kids.first().map_or(&[], Kid::first_key),
            Body::Patched { first, .. } => first,
        }
    }
}

impl<'n> Kid<'n> {
    pub fn first_key(&self) -> &'n [u8] {
        match self {
            Kid::Clean { key, .. } => key,
            Kid::Dirty(node) => node.first_key(),
        }
    }
}

/// What operations make of a leaf.
pub(super) enum Merged<'n> {
    /// Nothing changes.
    Same,
    /// The leaf stays, and a new one with these elements follows it.
    Grown(Vec<Element<'n>>),
    /// The leaf is replaced.
    Changed(Node<'n>),
}
