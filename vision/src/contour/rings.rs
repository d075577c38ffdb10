//! Joins arcs into closed outlines, each with its region on the left.

use std::collections::HashMap;

use super::arcs::{Arc, End};
use super::position::Position;

/// The outlines of every region of a map, outer ones and those of holes, by the number of the region. The background
/// (region 0) is omitted, as are outlines that have shrunk to a line.
pub(super) fn assemble(arcs: &[Arc], lines: &[Vec<Position>], regions: usize) -> Vec<Vec<Vec<Position>>> {
    let mut outlines = vec![Vec::new(); regions + 1];
    let walk = Walk::over(arcs);
    let mut is_used = vec![[false; 2]; arcs.len()];
    for index in 0..arcs.len() {
        for is_reversed in [false, true] {
            let first = Side { arc: index, is_reversed };
            let region = usize::from(first.region(arcs));
            if region == 0 || is_used[index][usize::from(is_reversed)] {
                continue;
            }
            let mut outline = Vec::new();
            let mut next = Some(first);
            while let Some(side) = next.filter(|side| !side.take(&mut is_used)) {
                side.append(&lines[side.arc], arcs[side.arc].is_closed, &mut outline);
                next = walk.onward(side);
            }
            if outline.len() > 2 {
                outlines[region].push(outline);
            }
        }
    }
    outlines
}

/// An arc as seen from the region that it has on its left.
#[derive(Debug, Clone, Copy)]
struct Side {
    arc: usize,
    /// Whether it runs from the second end to the first.
    is_reversed: bool,
}

impl Side {
    fn region(self, arcs: &[Arc]) -> u8 {
        let (left, right) = arcs[self.arc].sides;
        if self.is_reversed { right } else { left }
    }

    /// Marks it as used; returns whether it already was.
    fn take(self, is_used: &mut [[bool; 2]]) -> bool {
        std::mem::replace(&mut is_used[self.arc][usize::from(self.is_reversed)], true)
    }

    // The last point of an open arc is the first of the next one.
    fn append(self, line: &[Position], is_closed: bool, outline: &mut Vec<Position>) {
        let shared = usize::from(!is_closed);
        if self.is_reversed {
            outline.extend(line[shared..].iter().rev());
        } else {
            outline.extend(&line[..line.len() - shared]);
        }
    }
}

/// Which way outlines continue where arcs meet.
struct Walk<'arcs> {
    arcs: &'arcs [Arc],
    leaving: HashMap<End, Side>,
}

impl<'arcs> Walk<'arcs> {
    fn over(arcs: &'arcs [Arc]) -> Self {
        let mut leaving = HashMap::new();
        for (arc, Arc { ends: [start, end], .. }) in arcs.iter().enumerate() {
            leaving.insert(*start, Side { arc, is_reversed: false });
            leaving.insert(*end, Side { arc, is_reversed: true });
        }
        Self { arcs, leaving }
    }

    /// The side that continues where this one ends: the leftmost, which follows the same cell for as long as possible.
    fn onward(&self, side: Side) -> Option<Side> {
        let arc = &self.arcs[side.arc];
        if arc.is_closed {
            return None;
        }
        let end = arc.ends[usize::from(!side.is_reversed)];
        let arriving = end.inwards.back();
        let turns = [arriving.left(), arriving, arriving.right()];
        turns.into_iter().find_map(|inwards| self.leaving.get(&End { corner: end.corner, inwards }).copied())
    }
}
