-- feed.sql - users, and who follows whom.  The password of each is demo.
CREATE TABLE users(
  name TEXT PRIMARY KEY,
  hash TEXT NOT NULL			-- of password_hash()
);
CREATE TABLE follows(
  follower TEXT NOT NULL REFERENCES users,
  followed TEXT NOT NULL REFERENCES users,
  PRIMARY KEY(followed, follower)
);
INSERT INTO users SELECT column1, '$2y$08$WYyfTch2DCKQFYjNfgdUu.z3Ya/Flj6Nd0P1Qhr3FwZNfq7d71kmC'
  FROM (VALUES ('alice'), ('bob'), ('carol'), ('dan'));
INSERT INTO follows VALUES ('alice', 'bob'), ('alice', 'dan'), ('bob', 'alice');
