//! Pages in memory while they are changed, and the operations on them. Does no I/O.

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

/// A page in memory that is being changed.
pub(super) struct Node<'n> {
    /// Whether keys were appended at its end, so that more are expected there.
    pub grows: bool,
    pub body: Body<'n>,
}

pub(super) enum Body<'n> {
    Leaf(Vec<Element<'n>>),
    Branch(Vec<Child<'n>>),
    /// A branch in which only the page numbers of the children at some indexes change. This is the most frequent case.
    Patched {
        page: Page<&'n [u8]>,
        first: &'n [u8],
        patches: Vec<(usize, Node<'n>)>,
    },
}

/// A child of a branch: either unchanged, or changed and not yet written.
pub(super) enum Child<'n> {
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
            Body::Branch(children) => children.is_empty(),
            Body::Patched { .. } => false,
        }
    }

    pub fn first_key(&self) -> &'n [u8] {
        match &self.body {
            Body::Leaf(elements) => elements.first().map_or(&[], |e| e.key),
            Body::Branch(children) => children.first().map_or(&[], Child::first_key),
            Body::Patched { first, .. } => first,
        }
    }
}

impl<'n> Child<'n> {
    pub fn first_key(&self) -> &'n [u8] {
        match self {
            Child::Clean { key, .. } => key,
            Child::Dirty(node) => node.first_key(),
        }
    }
}

/// The effect of operations on a leaf.
pub(super) enum Merged<'n> {
    /// The leaf is unchanged.
    Same,
    /// The leaf is unchanged, and a new leaf with these elements follows it.
    Grown(Vec<Element<'n>>),
    /// The leaf is replaced.
    Changed(Node<'n>),
}
