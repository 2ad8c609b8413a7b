/** PostgreSQL for Vouch without an installation: the real server from npm, run as a child. */
export { debianBinaries, embeddedBinaries, type Binaries } from './binaries.ts'
export { startEmbeddedPostgres, type PostgresOptions, type PostgresServer } from './server.ts'
export { createTestDatabase, type TestDatabase } from './test-database.ts'
