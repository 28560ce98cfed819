/*
 * readers-editor.js - what the block looks like while a post is written.
 */
wp.blocks.registerBlockType( 'largesse/readers', {
	apiVersion: 2,
	title: wp.i18n.__( 'People who are reading', 'largesse' ),
	category: 'widgets',
	icon: 'groups',
	edit: () => wp.element.createElement( 'p', { className: 'largesse-readers' }, wp.i18n.__( 'Here readers see how many people are reading', 'largesse' ) ),
	save: () => null,
} );
