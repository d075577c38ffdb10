//! The corners of cells, the four directions that lead away from each, and which of them are borders.

use super::grid::Grid;

/// A corner of cells, counted in cells from the left and top edge of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Corner {
    pub(super) x: u32,
    pub(super) y: u32,
}

impl Corner {
    /// The next corner in a direction.
    pub(super) fn next(self, heading: Heading) -> Self {
        let Self { x, y } = self;
        match heading {
            Heading::East => Self { x: x + 1, y },
            Heading::South => Self { x, y: y + 1 },
            Heading::West => Self { x: x - 1, y },
            Heading::North => Self { x, y: y - 1 },
        }
    }

    /// Cells from here to a corner in the same row or column.
    pub(super) fn steps_to(self, other: Self) -> u32 {
        self.x.abs_diff(other.x) + self.y.abs_diff(other.y)
    }
}

/// A direction along the sides of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Heading {
    East,
    South,
    West,
    North,
}

impl Heading {
    /// Clockwise.
    pub(super) const ALL: [Self; 4] = [Self::East, Self::South, Self::West, Self::North];

    pub(super) fn left(self) -> Self {
        Self::ALL[(self as usize + 3) % 4]
    }

    pub(super) fn right(self) -> Self {
        Self::ALL[(self as usize + 1) % 4]
    }

    pub(super) fn back(self) -> Self {
        Self::ALL[(self as usize + 2) % 4]
    }
}

/// The cells around a corner: the regions to the north-west, north-east, south-east and south-west.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crossing([u8; 4]);

impl Crossing {
    pub(super) fn at(grid: &Grid, corner: Corner) -> Self {
        let south_east = grid.index(corner.x as usize, corner.y as usize);
        let north_east = south_east - grid.stride();
        let cells = grid.cells();
        Self([cells[north_east - 1], cells[north_east], cells[south_east], cells[south_east - 1]])
    }

    /// The regions to the left and to the right when leaving in a direction.
    pub(super) fn sides(self, heading: Heading) -> (u8, u8) {
        let right = (heading as usize + 2) % 4;
        (self.0[(right + 3) % 4], self.0[right])
    }

    /// Whether a border leads away in a direction.
    pub(super) fn is_border(self, heading: Heading) -> bool {
        let (left, right) = self.sides(heading);
        left != right
    }

    /// Whether three or four borders meet.
    pub(super) fn is_node(self) -> bool {
        Heading::ALL.into_iter().filter(|heading| self.is_border(*heading)).count() > 2
    }

    /// The direction in which the border continues when arriving in a direction, if there is only one.
    pub(super) fn onward(self, heading: Heading) -> Heading {
        [heading.left(), heading.right()].into_iter().find(|turn| self.is_border(*turn)).unwrap_or(heading)
    }

    /// Whether there is no border at all.
    pub(super) fn is_plain(self) -> bool {
        let [first, rest @ ..] = self.0;
        rest == [first; 3]
    }
}
