//! The face that landmarks are fitted to: upright, symmetrical, in the proportions taught in drawing schools.
//!
//! The unit is the distance between the pupils; the origin is halfway between them, and y grows downwards. A face is
//! five eye widths wide, and two of them lie between the pupils. The chin is as far below the eyes as the crown is
//! above. The nose ends halfway between brows and chin, and the mouth lies a third of the way from there to the chin.
//! What this canon leaves open was chosen simply. Only the direction of the fit is used, for which symmetry matters and
//! the proportions hardly do.

use super::position::Position;

/// Left eye, right eye, nose tip, left and right mouth corner, as in [`crate::Landmarks`].
pub(super) const FIVE: [Position; 5] =
    [at(-0.5, 0.0), at(0.5, 0.0), at(0.0, 0.58), at(-0.42, 1.03), at(0.42, 1.03)];

/// The 68 points of iBUG's 300-W, on a face that looks at the viewer.
pub(super) fn sixty_eight() -> [Position; 68] {
    let mut points = [at(0.0, 0.0); 68];
    for (first, half) in HALVES {
        for (step, &point) in half.iter().enumerate() {
            points[first + step] = point;
        }
    }
    for (right, left) in MIRRORED {
        points[right] = at(-points[left].x, points[left].y);
    }
    points
}

/// The points of the left half and of the middle, in runs: the number of a run's first point, and the run.
const HALVES: [(usize, &[Position]); 10] = [
    // Jaw, from the ear to the chin: an ellipse of the face's width around the eyes' level.
    (
        0,
        &[
            at(-1.25, 0.0),
            at(-1.23, 0.34),
            at(-1.15, 0.67),
            at(-1.04, 0.97),
            at(-0.88, 1.24),
            at(-0.69, 1.46),
            at(-0.48, 1.62),
            at(-0.24, 1.72),
            at(0.0, 1.75),
        ],
    ),
    // Brow, from the outer end.
    (17, &[at(-0.95, -0.3), at(-0.8, -0.4), at(-0.62, -0.44), at(-0.42, -0.42), at(-0.22, -0.36)]),
    // Bridge of the nose, downwards, and its lower edge to the middle.
    (27, &[at(0.0, -0.1), at(0.0, 0.13), at(0.0, 0.35), at(0.0, 0.58)]),
    (31, &[at(-0.25, 0.64), at(-0.13, 0.67), at(0.0, 0.69)]),
    // Eye, clockwise from the outer corner.
    (36, &[at(-0.75, 0.0), at(-0.6, -0.08), at(-0.4, -0.08), at(-0.25, 0.0), at(-0.4, 0.08), at(-0.6, 0.08)]),
    // Outer edge of the lips, clockwise from the left corner; then the lower lip's.
    (48, &[at(-0.42, 1.03), at(-0.26, 0.96), at(-0.1, 0.92), at(0.0, 0.94)]),
    (57, &[at(0.0, 1.2), at(-0.13, 1.19), at(-0.28, 1.13)]),
    // Inner edge of the lips.
    (60, &[at(-0.36, 1.03), at(-0.13, 1.01), at(0.0, 1.01)]),
    (66, &[at(0.0, 1.06)]),
    (67, &[at(-0.13, 1.05)]),
];

/// Points of the right half, each with the point of the left half that it mirrors.
const MIRRORED: [(usize, usize); 29] = [
    (9, 7),
    (10, 6),
    (11, 5),
    (12, 4),
    (13, 3),
    (14, 2),
    (15, 1),
    (16, 0),
    (22, 21),
    (23, 20),
    (24, 19),
    (25, 18),
    (26, 17),
    (34, 32),
    (35, 31),
    (42, 39),
    (43, 38),
    (44, 37),
    (45, 36),
    (46, 41),
    (47, 40),
    (52, 50),
    (53, 49),
    (54, 48),
    (55, 59),
    (56, 58),
    (63, 61),
    (64, 60),
    (65, 67),
];

const fn at(x: f64, y: f64) -> Position {
    Position::new(x, y)
}
