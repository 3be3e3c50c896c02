//! One page of the file: its header, its elements, and their bounds. The bytes are untrusted, so every access is
//! checked. Does no I/O.
//!
//! ```text
//! page    0         8        10       12          16
//!         | id u64  | flags  | count  | overflow  | elements, 16 bytes each | keys and values
//! leaf    | flags u32 | pos u32 | ksize u32 | vsize u32 |     pos counts from the element's own start
//! branch  | pos u32   | ksize u32 | pgid u64            |
//! ```

use std::cmp::Ordering;
use std::ops::{Deref, Range};

use super::error::Damage;

/// Size of a page header in bytes.
pub const HEADER_SIZE: usize = 16;
/// Size of an element in bytes, in leaves and branches.
pub const ELEMENT_SIZE: usize = 16;
/// Page flag: branch page.
pub const BRANCH: u16 = 0x01;
/// Page flag: leaf page.
pub const LEAF: u16 = 0x02;
/// Page flag: meta page.
pub const META: u16 = 0x04;
/// Page flag: freelist page.
pub const FREELIST: u16 = 0x10;
/// Leaf element flag: the value is a bucket.
pub const BUCKET_ELEMENT: u32 = 0x01;
/// Maximum length of a key in bytes (bbolt 1.5.0).
pub const MAX_KEY_SIZE: usize = 32_768;
/// Maximum length of a value in bytes (bbolt 1.5.0).
pub const MAX_VALUE_SIZE: usize = (1 << 31) - 2;
/// Maximum number of elements on a page: the count has 16 bits, and 0xFFFF has a special meaning in a freelist.
pub const MAX_ELEMENTS: usize = 65_534;

/// A shared byte slice that can be subdivided without copying.
///
/// `&[u8]` for mapped bytes, [`bytes::Bytes`] for bytes that were read.
pub trait Buf: Deref<Target = [u8]> + Clone {
    /// The subslice `range`, which must be within bounds.
    fn cut(&self, range: Range<usize>) -> Self;
}

impl Buf for &[u8] {
    fn cut(&self, range: Range<usize>) -> Self {
        &self[range]
    }
}

impl Buf for bytes::Bytes {
    fn cut(&self, range: Range<usize>) -> Self {
        self.slice(range)
    }
}

/// The first 16 bytes of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub id: u64,
    pub flags: u16,
    pub count: u16,
    /// Number of continuation pages.
    pub overflow: u32,
}

impl Header {
    pub fn parse(b: &[u8; HEADER_SIZE]) -> Header {
        Header {
            id: u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
            flags: u16::from_le_bytes([b[8], b[9]]),
            count: u16::from_le_bytes([b[10], b[11]]),
            overflow: u32::from_le_bytes([b[12], b[13], b[14], b[15]]),
        }
    }

    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut b = [0; HEADER_SIZE];
        b[0..8].copy_from_slice(&self.id.to_le_bytes());
        b[8..10].copy_from_slice(&self.flags.to_le_bytes());
        b[10..12].copy_from_slice(&self.count.to_le_bytes());
        b[12..16].copy_from_slice(&self.overflow.to_le_bytes());
        b
    }

    /// Number of pages, including continuation pages.
    pub fn pages(&self) -> u64 {
        u64::from(self.overflow) + 1
    }

    /// Checks the header of page `pgid` in a file of `high_water` pages.
    pub fn check(&self, pgid: u64, high_water: u64) -> Result<(), Damage> {
        if self.id != pgid {
            return Err(Damage::at(
                pgid,
                format!("its header says page {}", self.id),
            ));
        }
        if self.pages() > high_water.saturating_sub(pgid) {
            let what = format!(
                "it says that {} more pages belong to it, but the database has {high_water} pages",
                self.overflow
            );
            return Err(Damage::at(pgid, what));
        }
        Ok(())
    }
}

/// Checks that a page number is at least 2 and below the high-water mark.
pub fn check_pgid(pgid: u64, high_water: u64, referrer: &str) -> Result<(), Damage> {
    if pgid < 2 || pgid >= high_water {
        let what = format!(
            "{referrer} names page {pgid}, but tree pages are 2 to {}",
            high_water.saturating_sub(1)
        );
        return Err(Damage {
            page: Some(pgid),
            what,
        });
    }
    Ok(())
}

/// A page of a tree, with its continuation pages, or the page inside an inline bucket.
#[derive(Clone)]
pub struct Page<B> {
    pgid: u64,
    inline: bool,
    header: Header,
    data: B,
}

/// An element to be written. In a branch, flags and value are unused; in a leaf, the page number is.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    pub flags: u32,
    pub pgid: u64,
    pub key: &'a [u8],
    pub value: &'a [u8],
}

impl<'a> Element<'a> {
    /// Element `i` of a leaf.
    #[inline(always)]
    pub fn of_leaf(page: &Page<&'a [u8]>, i: usize) -> Result<Element<'a>, Damage> {
        let (flags, key, value) = page.leaf(i)?;
        Ok(Element {
            flags,
            pgid: 0,
            key,
            value,
        })
    }

    /// Size in a page, in bytes.
    pub fn size(&self) -> usize {
        ELEMENT_SIZE + self.key.len() + self.value.len()
    }
}

/// Appends the page `id` with these elements and its continuation pages. Returns the number of pages.
pub fn encode(
    out: &mut Vec<u8>,
    page_size: usize,
    id: u64,
    leaf: bool,
    elements: &[Element<'_>],
) -> u64 {
    let start = out.len();
    let size = HEADER_SIZE + elements.iter().map(Element::size).sum::<usize>();
    let pages = size.div_ceil(page_size);
    out.reserve(pages * page_size);
    let header = Header {
        id,
        flags: if leaf { LEAF } else { BRANCH },
        count: elements.len() as u16,
        overflow: (pages - 1) as u32,
    };
    encode_contents(out, header, elements);
    out.resize(start + pages * page_size, 0);
    pages as u64
}

/// Appends the leaf of an inline bucket: not padded to a page, and with page number 0.
pub(crate) fn encode_inline(out: &mut Vec<u8>, elements: &[Element<'_>]) {
    let header = Header {
        id: 0,
        flags: LEAF,
        count: elements.len() as u16,
        overflow: 0,
    };
    encode_contents(out, header, elements);
}

fn encode_contents(out: &mut Vec<u8>, header: Header, elements: &[Element<'_>]) {
    let leaf = header.flags == LEAF;
    out.extend_from_slice(&header.encode());
    let mut pos = elements.len() * ELEMENT_SIZE;
    for e in elements {
        let mut b = [0; ELEMENT_SIZE];
        if leaf {
            b[0..4].copy_from_slice(&e.flags.to_le_bytes());
            b[4..8].copy_from_slice(&(pos as u32).to_le_bytes());
            b[8..12].copy_from_slice(&(e.key.len() as u32).to_le_bytes());
            b[12..16].copy_from_slice(&(e.value.len() as u32).to_le_bytes());
        } else {
            b[0..4].copy_from_slice(&(pos as u32).to_le_bytes());
            b[4..8].copy_from_slice(&(e.key.len() as u32).to_le_bytes());
            b[8..16].copy_from_slice(&e.pgid.to_le_bytes());
        }
        out.extend_from_slice(&b);
        pos = pos + e.key.len() + e.value.len() - ELEMENT_SIZE;
    }
    for e in elements {
        out.extend_from_slice(e.key);
        out.extend_from_slice(e.value);
    }
}

/// Positions of the parts of a leaf element.
struct LeafSpan {
    flags: u32,
    key: Range<usize>,
    value: Range<usize>,
}

fn u32_at(e: &[u8; ELEMENT_SIZE], at: usize) -> u32 {
    u32::from_le_bytes([e[at], e[at + 1], e[at + 2], e[at + 3]])
}

impl<B: Buf> Page<B> {
    /// Page `pgid`, given all its bytes. The caller has checked the header.
    pub fn new(pgid: u64, data: B) -> Result<Page<B>, Damage> {
        Page::make(pgid, false, data)
    }

    /// The page inside an inline bucket that is stored in page `pgid`.
    pub fn new_inline(pgid: u64, data: B) -> Result<Page<B>, Damage> {
        let p = Page::make(pgid, true, data)?;
        if p.header.flags != LEAF {
            return Err(p.damage(format!(
                "its flags are {:#x}, which is not a leaf",
                p.header.flags
            )));
        }
        Ok(p)
    }

    fn make(pgid: u64, inline: bool, data: B) -> Result<Page<B>, Damage> {
        match data.first_chunk::<HEADER_SIZE>() {
            Some(h) => Ok(Page {
                pgid,
                inline,
                header: Header::parse(h),
                data,
            }),
            None => Err(Damage::at(pgid, "too short for a page header")),
        }
    }

    /// The page number; for an inline bucket, that of the page that holds it.
    pub fn pgid(&self) -> u64 {
        self.pgid
    }

    /// Whether this is the page inside an inline bucket.
    pub fn is_inline(&self) -> bool {
        self.inline
    }

    /// The header.
    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// All bytes of the page.
    pub fn data(&self) -> &B {
        &self.data
    }

    /// Number of elements, according to the header.
    pub fn count(&self) -> usize {
        usize::from(self.header.count)
    }

    /// Whether this is a leaf page.
    pub fn is_leaf(&self) -> bool {
        self.header.flags == LEAF
    }

    /// Whether this is a branch page.
    pub fn is_branch(&self) -> bool {
        self.header.flags == BRANCH
    }

    #[cold]
    pub(crate) fn damage(&self, what: impl Into<String>) -> Damage {
        let what = what.into();
        Damage::at(
            self.pgid,
            if self.inline {
                format!("inline bucket: {what}")
            } else {
                what
            },
        )
    }

    /// Checks the page number `child` in element `i` of a branch.
    pub(super) fn check_child(&self, i: usize, child: u64, high_water: u64) -> Result<(), Damage> {
        check_pgid(child, high_water, "its parent").map_err(|d| {
            let what = format!("element {i} is wrong: {}", d.what);
            Damage::at(self.pgid, what)
        })
    }

    /// Fails unless this is a leaf or a branch.
    pub(crate) fn check_tree_page(&self) -> Result<(), Damage> {
        match self.header.flags {
            LEAF => Ok(()),
            BRANCH if self.header.count > 0 => Ok(()),
            BRANCH => Err(self.damage("a branch page without elements")),
            flags => Err(self.damage(format!(
                "a tree page was expected, but its flags are {flags:#x}"
            ))),
        }
    }

    #[inline(always)]
    fn element(&self, i: usize) -> Result<&[u8; ELEMENT_SIZE], Damage> {
        let at = HEADER_SIZE + i * ELEMENT_SIZE;
        match self.data.get(at..).and_then(|b| b.first_chunk()) {
            Some(e) => Ok(e),
            None => Err(self.damage(format!(
                "it says {} elements, which is more than it has room for",
                self.count()
            ))),
        }
    }

    #[cold]
    fn outside(&self, i: usize, part: &str) -> Damage {
        self.damage(format!("the {part} of element {i} reaches beyond the page"))
    }

    #[inline(always)]
    fn leaf_span(&self, i: usize) -> Result<LeafSpan, Damage> {
        let e = self.element(i)?;
        let start = (HEADER_SIZE + i * ELEMENT_SIZE).saturating_add(u32_at(e, 4) as usize);
        let middle = start.saturating_add(u32_at(e, 8) as usize);
        let end = middle.saturating_add(u32_at(e, 12) as usize);
        if end > self.data.len() {
            return Err(self.outside(
                i,
                if middle > self.data.len() {
                    "key"
                } else {
                    "value"
                },
            ));
        }
        Ok(LeafSpan {
            flags: u32_at(e, 0),
            key: start..middle,
            value: middle..end,
        })
    }

    #[inline(always)]
    fn branch_span(&self, i: usize) -> Result<(Range<usize>, u64), Damage> {
        let e = self.element(i)?;
        let start = (HEADER_SIZE + i * ELEMENT_SIZE).saturating_add(u32_at(e, 0) as usize);
        let end = start.saturating_add(u32_at(e, 4) as usize);
        if end > self.data.len() {
            return Err(self.outside(i, "key"));
        }
        Ok((
            start..end,
            u64::from_le_bytes([e[8], e[9], e[10], e[11], e[12], e[13], e[14], e[15]]),
        ))
    }

    /// Flags of leaf element `i`.
    pub fn flags(&self, i: usize) -> Result<u32, Damage> {
        Ok(u32_at(self.element(i)?, 0))
    }

    /// Flags, key and value of leaf element `i`.
    #[inline(always)]
    pub fn leaf(&self, i: usize) -> Result<(u32, B, B), Damage> {
        let s = self.leaf_span(i)?;
        Ok((s.flags, self.data.cut(s.key), self.data.cut(s.value)))
    }

    /// Like [`Page::leaf`], but borrowed from the page.
    #[inline(always)]
    pub fn leaf_ref(&self, i: usize) -> Result<(u32, &[u8], &[u8]), Damage> {
        let s = self.leaf_span(i)?;
        Ok((s.flags, &self.data[s.key], &self.data[s.value]))
    }

    /// Key and child page number of branch element `i`.
    pub fn branch(&self, i: usize) -> Result<(B, u64), Damage> {
        let (key, pgid) = self.branch_span(i)?;
        Ok((self.data.cut(key), pgid))
    }

    /// The child page number of branch element `i`.
    pub fn child(&self, i: usize) -> Result<u64, Damage> {
        Ok(self.branch_span(i)?.1)
    }

    /// The key of element `i`, in a leaf or in a branch.
    pub fn key(&self, i: usize) -> Result<&[u8], Damage> {
        let range = if self.is_branch() {
            self.branch_span(i)?.0
        } else {
            self.leaf_span(i)?.key
        };
        Ok(&self.data[range])
    }

    /// Number of elements whose keys are below `key`, or also equal to it if `or_equal` is set.
    pub(crate) fn lower(&self, key: &[u8], or_equal: bool) -> Result<usize, Damage> {
        let (mut lo, mut hi) = (0, self.count());
        let branch = self.is_branch();
        while lo < hi {
            let mid = lo.midpoint(hi);
            let range = if branch {
                self.branch_span(mid)?.0
            } else {
                self.leaf_span(mid)?.key
            };
            match self.data[range].cmp(key) {
                Ordering::Less => lo = mid + 1,
                Ordering::Equal if or_equal => return Ok(mid + 1),
                // Keys are unique, so this is the position.
                Ordering::Equal => return Ok(mid),
                Ordering::Greater => hi = mid,
            }
        }
        Ok(lo)
    }

    /// Checks that all elements lie inside the page, and that keys ascend and have a valid length.
    ///
    /// `exact` also requires keys and values to follow the elements without gaps or overlaps, as every writer of the
    /// format lays them out. This detects a count that is too low, and a length that extends into the next element.
    pub fn verify(&self, exact: bool) -> Result<(), Damage> {
        self.check_tree_page()?;
        let leaf = self.is_leaf();
        let mut end_of_last = HEADER_SIZE + self.count() * ELEMENT_SIZE;
        let mut previous: Option<Range<usize>> = None;
        for i in 0..self.count() {
            let (key, end) = if leaf {
                let s = self.leaf_span(i)?;
                (s.key, s.value.end)
            } else {
                let (key, _) = self.branch_span(i)?;
                let end = key.end;
                (key, end)
            };
            if key.is_empty() {
                return Err(self.damage(format!("the key of element {i} is empty")));
            }
            if key.len() > MAX_KEY_SIZE {
                let what = format!(
                    "the key of element {i} has {} bytes, more than the {MAX_KEY_SIZE} a key can have",
                    key.len()
                );
                return Err(self.damage(what));
            }
            if let Some(p) = &previous
                && self.data[p.clone()] >= self.data[key.clone()]
            {
                return Err(self.damage(format!(
                    "the key of element {i} is not above the key before it"
                )));
            }
            if exact && key.start != end_of_last {
                let how = if key.start < end_of_last {
                    "overlaps the data before it"
                } else {
                    "leaves a gap before it"
                };
                return Err(self.damage(format!("the key of element {i} {how}")));
            }
            end_of_last = end;
            previous = Some(key);
        }
        Ok(())
    }
}
