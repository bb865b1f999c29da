//! Which Host names are ours, which Origins may call, and what CORS tells a browser (SPEC A.4, D.5).
