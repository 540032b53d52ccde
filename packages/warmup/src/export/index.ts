export { EXPORT_TOKEN_LENGTH_MIN } from './export-format.ts';
export { exportPeer, type ExportPeerOptions } from './export-peer.ts';
export { assertExportToken, type Exporter, type ExportOptions, startExport } from './export-server.ts';
